interface Entry {
  /** The other person of a direct room. */
  readonly direct: number | null;
  /** The people in its last message: its author, and the person that it quotes. */
  readonly named: readonly number[];
}

/** Which rooms show something of a person, so that news of them does not need a look at every room. */
export class RoomIndex {
  readonly #entries = new Map<number, Entry>();
  readonly #direct = new Map<number, number>();
  readonly #naming = new Map<number, Set<number>>();

  set(roomId: number, entry: Entry): void {
    const before = this.#entries.get(roomId);
    if (before?.direct === entry.direct && String(before.named) === String(entry.named)) return;
    this.forget(roomId);
    this.#entries.set(roomId, entry);
    if (entry.direct !== null) this.#direct.set(entry.direct, roomId);
    for (const uid of entry.named) {
      const rooms = this.#naming.get(uid) ?? new Set();
      this.#naming.set(uid, rooms.add(roomId));
    }
  }

  forget(roomId: number): void {
    const { direct = null, named = [] } = this.#entries.get(roomId) ?? {};
    this.#entries.delete(roomId);
    if (direct !== null) this.#direct.delete(direct);
    for (const uid of named) {
      const rooms = this.#naming.get(uid);
      rooms?.delete(roomId);
      if (rooms?.size === 0) this.#naming.delete(uid);
    }
  }

  directWith(uid: number): number | undefined {
    return this.#direct.get(uid);
  }

  /** Rooms whose last message is theirs, or quotes them. */
  naming(uid: number): number[] {
    return [...(this.#naming.get(uid) ?? [])];
  }

  clear(): void {
    for (const map of [this.#entries, this.#direct, this.#naming]) map.clear();
  }
}
