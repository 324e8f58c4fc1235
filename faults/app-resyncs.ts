/** RESYNCs that were told together, and the state that was read then. */
export interface AppResync {
  /** What the client asked to go on from, and how many events behind it wanted one by one. */
  readonly cursor: string;
  readonly max: number;
  readonly told: { readonly stream: string; readonly why: string }[];
  state?: AppState;
}

/** State as it was handed over: up to where it goes. */
export interface AppState {
  readonly everything: boolean;
  readonly asOf: string;
  readonly rooms: readonly { readonly id: number; readonly seq: number | null; readonly asOf?: string }[];
}

/** What the application of one client was told by `resync` and `state-reloaded`. */
export class AppResyncs {
  readonly all: AppResync[] = [];

  told({ stream, why }: { stream: string; why: string }, asked: { cursor: string; max: number }): void {
    const open = this.all.at(-1);
    const belongs = open?.cursor === asked.cursor && !open.told.some((one) => one.stream === stream);
    if (open && !open.state && belongs) open.told.push({ stream, why });
    else this.all.push({ ...asked, told: [{ stream, why }] });
  }

  /** Only what the checker needs of it is kept. */
  reloaded({ everything, asOf, rooms }: AppState): void {
    const open = this.all.at(-1);
    const kept = rooms.map(({ id, seq, asOf: own }) => ({ id, seq, ...(own !== undefined && { asOf: own }) }));
    if (open) open.state = { everything, asOf, rooms: kept };
  }
}
