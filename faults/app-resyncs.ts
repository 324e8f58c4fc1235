/** RESYNCs that came together, and the state that was read then. */
export interface AppResync {
  /** What the client asked to go on from, and how many missed events it wanted one by one. */
  readonly cursor: string;
  readonly max: number;
  readonly told: { readonly stream: string; readonly why: string }[];
  state?: AppState;
}

/** How far the state goes that the application got. */
export interface AppState {
  readonly everything: boolean;
  readonly asOf: string;
  readonly rooms: readonly { readonly id: number; readonly seq: number | null; readonly asOf?: string }[];
}

/** What the application of one client got through `resync` and `state-reloaded`. */
export class AppResyncs {
  readonly all: AppResync[] = [];
  /** The client reports what belongs together in one turn. */
  #open: AppResync | undefined;

  told({ stream, why }: { stream: string; why: string }, asked: { cursor: string; max: number }): void {
    if (this.#open) return void this.#open.told.push({ stream, why });
    const opened = { ...asked, told: [{ stream, why }] };
    this.#open = opened;
    this.all.push(opened);
    queueMicrotask(() => {
      if (this.#open === opened) this.#open = undefined;
    });
  }

  /** Only the part that the checker needs is kept. */
  reloaded({ everything, asOf, rooms }: AppState): void {
    const newest = this.all.at(-1);
    const kept = rooms.map(({ id, seq, asOf: own }) => ({ id, seq, ...(own !== undefined && { asOf: own }) }));
    if (newest) newest.state = { everything, asOf, rooms: kept };
  }
}
