import type { Member } from "../api/api-types.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import type { Asking } from "./asking.ts";
import { Kept } from "./kept.ts";
import {
  asJoined,
  asNewcomer,
  type KeptMembers,
  type MemberList,
  membersAfter,
  type Newcomers,
  NO_MEMBERS,
  type StoredMember,
  withMemberNames,
  withMembers,
} from "./member-list.ts";
import { isUser, type Names, type Person } from "./names.ts";
import type { Notices } from "./notices.ts";
import type { PartOfRooms } from "./part.ts";
import { isJoinOf, isLeavingOf, roomOf } from "./pushes.ts";
import { Topics } from "./topics.ts";
import type { View } from "./view.ts";

/** The members of one room. The first page is read when somebody subscribes, and what was read is kept up to date while somebody does. */
export interface Members extends View<MemberList> {
  /** Reads the next page. */
  more(): Promise<void>;
}

export interface MembersParts {
  readonly asking: Asking;
  readonly notices: Notices;
  readonly me: () => number;
  /** Takes the people that were read; `nameOf` has a name for those who join. */
  readonly learn: (people: readonly Person[], pushes: readonly PushFrame[]) => void;
  readonly nameOf: Newcomers["nameOf"];
}

interface Kind {
  list: KeptMembers;
  /** The newest reading: the results of earlier ones are ignored. */
  turn: number;
  isReading: boolean;
  isStale: boolean;
  /** How often the room has come into the list of rooms. */
  listings: number;
}

/** The members of all rooms that somebody subscribes to. */
export class MemberLists implements PartOfRooms {
  readonly #parts: MembersParts;
  readonly #topics: Topics<number>;
  readonly #lists: Kept<number, Kind>;
  readonly #views = new Kept<number, Members>((roomId) => this.#topics.isUsed(roomId));

  constructor(parts: MembersParts) {
    this.#parts = parts;
    this.#topics = new Topics(parts.notices, (roomId) => {
      this.#kind(roomId);
      this.#readIfStale(roomId);
    });
    this.#lists = new Kept((roomId) => this.#topics.isUsed(roomId));
  }

  isShown(roomId: number): boolean {
    return this.#topics.isUsed(roomId);
  }

  of(roomId: number): Members {
    return this.#views.get(roomId, () => ({
      ...this.#topics.view(roomId, () => this.#lists.peek(roomId)?.list ?? NO_MEMBERS),
      more: async () => {
        const { list } = this.#kind(roomId);
        if (list.state === "ready" && list.hasMore) await this.#read(roomId, list.nextCursor);
      },
    }));
  }

  people(): number[] {
    return this.#topics.used.flatMap((roomId) => this.#lists.peek(roomId)?.list.items.map(({ uid }) => uid) ?? []);
  }

  push(push: PushFrame): void {
    const roomId = roomOf(push);
    const kind = roomId === undefined ? undefined : this.#lists.peek(roomId);
    if (roomId === undefined || !kind) return;
    this.#show(roomId, this.#after(kind.list, push));
  }

  renamed(names: Names): void {
    for (const [roomId, { list }] of this.#lists.entries()) this.#show(roomId, withMemberNames(list, names));
  }

  missed(): void {
    for (const roomId of this.#lists.keys()) this.entered(roomId);
  }

  /** What was read of the room no longer counts. */
  entered(roomId: number): void {
    const kind = this.#lists.peek(roomId);
    if (!kind) return;
    if (!this.#topics.isUsed(roomId)) return this.#lists.delete(roomId);
    kind.isStale = true;
    void this.#read(roomId);
  }

  /** The room is in the list of rooms: an earlier refusal, even one that is on its way, no longer counts. */
  listed(roomId: number): void {
    const kind = this.#lists.peek(roomId);
    if (!kind) return;
    kind.listings += 1;
    if (kind.list.state === "refused") this.entered(roomId);
  }

  /** The user has left the room, and may not see its members any more. */
  left(roomId: number): void {
    const kind = this.#lists.peek(roomId);
    if (!kind) return;
    kind.turn += 1;
    kind.isReading = false;
    this.#show(roomId, { ...NO_MEMBERS, hasMore: false, state: "refused" });
  }

  live(): void {
    for (const roomId of this.#topics.used) this.#readIfStale(roomId);
  }

  clear(): void {
    this.#lists.clear();
    for (const roomId of this.#topics.used) {
      this.#kind(roomId);
      this.#topics.tell(roomId);
      this.#readIfStale(roomId);
    }
  }

  #kind(roomId: number): Kind {
    return this.#lists.get(roomId, () => ({ list: NO_MEMBERS, turn: 0, isReading: false, isStale: true, listings: 0 }));
  }

  #readIfStale(roomId: number): void {
    const kind = this.#lists.peek(roomId);
    if (kind?.isStale && !kind.isReading) void this.#read(roomId);
  }

  /** @param cursor of the next page; the first page replaces everything */
  async #read(roomId: number, cursor?: string): Promise<void> {
    const { asking, notices, learn } = this.#parts;
    const kind = this.#kind(roomId);
    kind.turn += 1;
    kind.isReading = true;
    const { turn, listings } = kind;
    const ask = { path: { id: roomId }, query: { limit: 100, cursor } };
    const since = await asking
      .untilItWorks(() =>
        asking.with(
          (push) => roomOf(push) === roomId || isUser(push),
          () => asking.request("GET /rooms/{id}/members", ask),
        ),
      )
      .catch(() => undefined);
    if (this.#lists.peek(roomId) !== kind || kind.turn !== turn) return;
    kind.isReading = false;
    if (!since) {
      if (kind.listings !== listings) return this.entered(roomId);
      notices.run(() => this.#show(roomId, { ...NO_MEMBERS, hasMore: false, state: "refused" }));
      return;
    }
    const { items, nextCursor } = since.reply;
    notices.run(() => {
      learn(items, since.pushes);
      kind.isStale = false;
      let list = withMembers(cursor === undefined ? NO_MEMBERS : kind.list, { items: items.map(asStored), nextCursor });
      for (const push of since.pushes) list = this.#after(list, push);
      this.#show(roomId, list);
    });
  }

  /** The list of rooms deals with the user's own joins and leaves. */
  #after(list: KeptMembers, push: PushFrame): KeptMembers {
    const me = this.#parts.me();
    // Where the list already includes the user's return, what they were before no longer counts.
    if (isLeavingOf(push, me)) return asNewcomer(list, me);
    return isJoinOf(push, me) ? asJoined(list, me, push) : membersAfter(list, push, this.#parts);
  }

  #show(roomId: number, list: KeptMembers): void {
    const kind = this.#lists.peek(roomId);
    if (!kind || kind.list === list) return;
    kind.list = list;
    this.#topics.tell(roomId);
  }
}

function asStored({ activeStatus: _, lastOptTime: __, ...member }: Member): StoredMember {
  return member;
}
