/** Messages whose change is remembered. */
const KEPT = 4096;

/** When messages changed, to catch a reader that has read the old text and has not sent it yet. Bounded: older changes are forgotten. */
export class MessageChanges {
  /** Message id -> position of its last change. */
  readonly #changes = new Map<number, number>();
  /** Changes at or before this position may have been forgotten. */
  #since: number;
  #recalledAt = 0;

  constructor(position: number) {
    this.#since = position;
  }

  note(messageId: number, pos: number, isRecall: boolean): void {
    if (isRecall) this.#recalledAt = pos;
    this.#changes.delete(messageId);
    this.#changes.set(messageId, pos);
    if (this.#changes.size <= KEPT) return;
    const [oldest, at] = this.#changes.entries().next().value as [number, number];
    this.#changes.delete(oldest);
    this.#since = at;
  }

  /** True when the message changed after `position`, or that cannot be ruled out. */
  changedSince(messageId: number, position: number): boolean {
    return position < this.#since || (this.#changes.get(messageId) ?? 0) > position;
  }

  /** True when any message was recalled after `position`: its text may stand in what was read of others that quote it. */
  recalledSince(position: number): boolean {
    return this.#recalledAt > position;
  }
}
