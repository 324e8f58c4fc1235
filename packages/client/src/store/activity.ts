/** A room's place in the list: the position in the log of what happened last in it. */
interface Activity {
  readonly pos: number;
  /** Where several rooms have the same position, the one with the higher tick comes first. */
  readonly tick: number;
  /** The newest event of the room's stream that this covers, as far as joins are concerned. */
  readonly seq: number;
}

/**
 * The order of the list of rooms: newest activity (a message, or joining) first. A message's id is its position in the log. A join comes
 * without one: it puts the room first until the room is read, which says where it belongs. Repeated or late news changes nothing.
 */
export class ActivityOrder {
  readonly #of = new Map<number, Activity>();
  /** The newest known position. */
  #newest = 0;
  #joins = 0;

  /** Negative: `a` comes before `b`. */
  compare(a: number, b: number): number {
    const [one, other] = [this.#of.get(a), this.#of.get(b)];
    return (other?.pos ?? 0) - (one?.pos ?? 0) || (other?.tick ?? 0) - (one?.tick ?? 0);
  }

  /** @returns whether the order has changed */
  message(roomId: number, id: number): boolean {
    this.#newest = Math.max(this.#newest, id);
    const known = this.#of.get(roomId);
    if (known && known.pos >= id) return false;
    this.#of.set(roomId, { pos: id, tick: 0, seq: known?.seq ?? 0 });
    return true;
  }

  /** @param seq of the join in the room's stream. @returns whether the order has changed */
  joined(roomId: number, seq: number): boolean {
    if (seq <= (this.#of.get(roomId)?.seq ?? 0)) return false;
    this.#joins += 1;
    this.#of.set(roomId, { pos: this.#newest, tick: this.#joins, seq });
    return true;
  }

  /**
   * A room as the list has it, read from the beginning of the list.
   * @param at its place in the list. @param pos up to which position the list's first page knows everything
   */
  listed({ id, seq }: { id: number; seq: number | null }, { at, pos }: { at: number; pos: number }): void {
    this.#newest = Math.max(this.#newest, pos);
    const known = this.#of.get(id);
    const isNewer = known !== undefined && (known.pos > pos || known.seq > (seq ?? 0));
    if (!isNewer) this.#of.set(id, { pos, tick: -at, seq: seq ?? 0 });
  }

  forget(roomId: number): void {
    this.#of.delete(roomId);
  }

  clear(): void {
    this.#of.clear();
    this.#newest = 0;
  }
}
