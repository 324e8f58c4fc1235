import { formatCursor, parseCursor } from "@parley/protocol";

/**
 * What this page has received, as the cursor to resume from: the server's last cursor, plus the streams that events came
 * from since.
 */
export class KeptCursor {
  #base: { epoch: string; floor: number | undefined } | undefined;
  /** Seq by stream. */
  #have = new Map<string, number>();

  /** Undefined before the first cursor: there is nothing to resume. */
  get text(): string | undefined {
    return this.#base && formatCursor({ ...this.#base, streams: this.#have });
  }

  /** The server's cursor covers everything that came before it on this connection. */
  take(text: string): void {
    const { epoch, floor, streams } = parseCursor(text);
    this.#base = { epoch, floor };
    this.#have = new Map(streams);
  }

  /** Notes an event. @returns false for one that this page has already */
  saw(stream: string, seq: number): boolean {
    if (seq <= (this.#have.get(stream) ?? 0)) return false;
    this.#have.set(stream, seq);
    return true;
  }

  /** This stream goes on after `seq`; what was before is read anew. */
  goOnAfter(stream: string, seq: number): void {
    this.#have.set(stream, seq);
  }
}
