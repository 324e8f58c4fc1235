import { formatCursor, parseCursor } from "@parley/protocol/cursor";
import { LIMITS } from "@parley/protocol/limits";

/**
 * What this client has: the server's newest cursor, the streams that brought events since then, the streams whose state was
 * read, and for every stream the last seq that was passed to the application. The cursor says where to continue. The seqs tell a
 * repeated event from a new one, whichever transport brings it, even if the cursor has only a position.
 */
export class ClientCursor {
  #base: { epoch: string; floor: number | undefined; streams: ReadonlyMap<string, number> } | undefined;
  readonly #since = new Set<string>();
  /** Streams whose state was read, perhaps later than the base. They are named until a cursor of the server covers them. */
  readonly #read = new Set<string>();
  readonly #seen = new Map<string, number>();

  /** @throws CursorMalformed for any other stored text */
  constructor(text?: string) {
    if (text !== undefined) this.restart(text);
  }

  /** To resume from; undefined before the first cursor. */
  get text(): string | undefined {
    if (!this.#base) return undefined;
    const streams = new Map(this.#base.streams);
    for (const stream of [...this.#since, ...this.#read]) streams.set(stream, this.#seen.get(stream) as number);
    const whole = formatCursor({ ...this.#base, streams });
    // The server takes no longer cursor. Events behind the shorter one come again, and are dropped by their seq.
    return whole.length <= LIMITS.cursorBytes ? whole : formatCursor(this.#base);
  }

  /** The last seq of a stream, as far as it is known. */
  seen(stream: string): number | undefined {
    return this.#seen.get(stream);
  }

  /** An event was handed over. */
  saw(stream: string, seq: number): void {
    this.#seen.set(stream, seq);
    this.#since.add(stream);
  }

  /**
   * The server's cursor covers everything that came before it. A cursor that lies before what this client has changes nothing:
   * it comes from a transport that another one has overtaken.
   */
  take(text: string): void {
    const { epoch, floor, streams } = parseCursor(text);
    if (this.#base?.epoch !== epoch) return this.restart(text);
    if ((floor ?? 0) < (this.#base.floor ?? 0)) return;
    if (floor !== this.#base.floor) this.#since.clear();
    this.#read.clear();
    this.#base = { epoch, floor, streams };
    for (const [stream, seq] of streams) if (seq > (this.#seen.get(stream) ?? 0)) this.#seen.set(stream, seq);
  }

  /** Begins anew: nothing known before counts any more. */
  restart(text: string): void {
    const { epoch, floor, streams } = parseCursor(text);
    this.#base = { epoch, floor, streams };
    for (const before of [this.#since, this.#read, this.#seen]) before.clear();
    for (const [stream, seq] of streams) this.#seen.set(stream, seq);
  }

  /** State that was read anew contains a stream up to `seq`: events up to there are dropped. */
  stateHas(stream: string, seq: number): void {
    this.#seen.set(stream, seq);
    if (seq > 0) this.#read.add(stream);
  }

  /** A stream continues after `seq`, which may lie before what was seen. */
  goOnAfter(stream: string, seq: number): void {
    this.saw(stream, seq);
  }
}
