import { Push, type PushData } from "@parley/protocol/events";
import type { BlockedPerson, Friend, ListedFriendRequest } from "../api/api-types.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import type { Asking } from "./asking.ts";
import { isUser, type Names, type Person } from "./names.ts";
import type { Notices } from "./notices.ts";
import { type KnownItems, OwnList } from "./own-list.ts";
import type { Part } from "./part.ts";

/** A friend; `presence` says whether they are online. */
export type StoredFriend = Omit<Friend, "activeStatus" | "lastOptTime">;

/** The server keeps no more friends of a person than this, and no more blocks; answered requests stay, so there may be more of those. */
const FRIENDS_AT_MOST = 5_000;
const BLOCKS_AT_MOST = 1_000;
const REQUESTS_AT_MOST = 500;

export interface FriendsParts {
  readonly asking: Asking;
  readonly notices: Notices;
  readonly nameOf: (uid: number) => Person;
  readonly learn: (people: readonly Person[], pushes: readonly PushFrame[]) => void;
  /** How many friend requests are unread. */
  readonly onUnread: (friendRequests: number) => void;
}

/** Friends, friend requests and blocks: three lists, each read when somebody subscribes to it. */
export class Contacts implements Part {
  readonly #parts: FriendsParts;
  readonly friends: OwnList<StoredFriend>;
  readonly requests: OwnList<ListedFriendRequest>;
  readonly blocks: OwnList<BlockedPerson>;
  #unread = 0;

  constructor(parts: FriendsParts) {
    const { asking, learn, nameOf } = parts;
    const isAbout = (push: PushFrame) => isContact(push) || isUser(push);
    this.#parts = parts;
    this.friends = new OwnList<StoredFriend>({
      ...{ ...parts, isAbout, max: FRIENDS_AT_MOST, onRead: learn },
      page: async (cursor) => {
        const reply = await asking.request("GET /friends", { query: { cursor, limit: 100 } });
        return { ...reply, items: reply.items.map(({ activeStatus: _, lastOptTime: __, ...friend }) => friend) };
      },
      after: (known, push) => withItems(known, friendsAfter(known.items, push, nameOf)),
    });
    this.requests = new OwnList<ListedFriendRequest>({
      ...{ ...parts, isAbout, max: REQUESTS_AT_MOST, onRead: learn },
      after: (known, push) => {
        const items = requestsAfter(known.items, push);
        return items && withItems(known, items);
      },
      page: (cursor) => asking.request("GET /friend-requests", { query: { cursor, limit: 100 } }),
      // The list is more accurate than any count from the server.
      onChange: ({ items, isWhole, state }) => {
        if (isWhole && state === "ready") this.#count(items.filter(isUnread).length);
      },
    });
    this.blocks = new OwnList<BlockedPerson>({
      ...{ ...parts, isAbout, max: BLOCKS_AT_MOST, onRead: learn },
      page: (cursor) => asking.request("GET /blocks", { query: { cursor, limit: 100 } }),
      after: (known, push) => withItems(known, blocksAfter(known.items, push, nameOf)),
    });
  }

  push(push: PushFrame): void {
    if (push.type === Push.RED_DOT) this.counted(push.data.friendRequests);
    if (push.type === Push.APPLY) this.counted(this.#unread + push.data.unreadCount);
    if (push.type === Push.SELF && push.data.friendRequests !== undefined) this.counted(push.data.friendRequests);
    for (const list of this.#lists) list.push(push);
  }

  /** A count that may be older or newer than the events: it is used only while the list is not there. */
  counted(friendRequests: number): void {
    if (!this.requests.isWhole) this.#count(friendRequests);
  }

  renamed(names: Names): void {
    this.friends.change(withNamesIn(this.friends.items, names));
    this.requests.change(withNamesIn(this.requests.items, names));
    this.blocks.change(withNamesIn(this.blocks.items, names));
  }

  people(): number[] {
    return this.#lists.flatMap((list) => (list.items as readonly { uid: number }[]).map(({ uid }) => uid));
  }

  missed(): void {
    for (const list of this.#lists) list.missed();
  }

  live(): void {
    for (const list of this.#lists) list.live();
  }

  clear(): void {
    for (const list of this.#lists) list.clear();
    this.#count(0);
  }

  get #lists() {
    return [this.friends, this.requests, this.blocks];
  }

  #count(unread: number): void {
    this.#unread = unread;
    this.#parts.onUnread(unread);
  }
}

function isContact({ type }: PushFrame): boolean {
  return type === Push.FRIEND || type === Push.SELF;
}

function isUnread({ direction, state, read }: ListedFriendRequest): boolean {
  return direction === "in" && state === "open" && read === false;
}

function friendsAfter(
  friends: readonly StoredFriend[],
  push: PushFrame,
  nameOf: FriendsParts["nameOf"],
): readonly StoredFriend[] {
  if (push.type === Push.USER) return withNamesIn(friends, new Map([[push.data.uid, push.data]]));
  if (push.type !== Push.FRIEND) return friends;
  const { uid, change, roomId, remark } = push.data;
  const known = friends.find((friend) => friend.uid === uid);
  const others = friends.filter((friend) => friend.uid !== uid);
  if (change === "removed") return known ? others : friends;
  if (change === "remark" && known) return byUid([...others, { ...known, remark: remark ?? "" }]);
  if (change !== "accepted" || roomId === undefined) return friends;
  return byUid([...others, { ...nameOf(uid), remark: known?.remark ?? "", roomId }]);
}

/** Undefined: FRIEND announces a request whose text and name no event contains. */
function requestsAfter(
  requests: readonly ListedFriendRequest[],
  push: PushFrame,
): readonly ListedFriendRequest[] | undefined {
  if (push.type === Push.USER) return withNamesIn(requests, new Map([[push.data.uid, push.data]]));
  if (push.type === Push.SELF) return requestsAfterSelf(requests, push.data);
  if (push.type !== Push.FRIEND) return requests;
  const { change, requestId } = push.data;
  if (requestId === undefined) return requests;
  const isKnown = requests.some(({ id }) => id === requestId);
  if (change === "withdrawn") return isKnown ? requests.filter(({ id }) => id !== requestId) : requests;
  if (!isKnown) return undefined;
  // The request was made again, or announced again.
  if (change !== "accepted" && change !== "rejected") return requests;
  return requests.map((request) =>
    request.id === requestId ? { ...request, state: change, read: request.direction === "in" ? true : null } : request,
  );
}

function requestsAfterSelf(
  requests: readonly ListedFriendRequest[],
  { friendRequestsRead = 0, block }: PushData[typeof Push.SELF],
): readonly ListedFriendRequest[] {
  const isOpen = ({ direction, state }: ListedFriendRequest) => direction === "in" && state === "open";
  const gone = block?.blocked ? requests.filter((one) => one.uid === block.uid && isOpen(one)) : [];
  const news = requests.filter((one) => isOpen(one) && one.id <= friendRequestsRead && one.read === false);
  if (gone.length + news.length === 0) return requests;
  const rest = requests.filter((one) => !gone.includes(one));
  return rest.map((one) => (news.includes(one) ? { ...one, read: true } : one));
}

function blocksAfter(
  blocks: readonly BlockedPerson[],
  push: PushFrame,
  nameOf: FriendsParts["nameOf"],
): readonly BlockedPerson[] {
  if (push.type === Push.USER) return withNamesIn(blocks, new Map([[push.data.uid, push.data]]));
  const block = push.type === Push.SELF ? push.data.block : undefined;
  if (!block) return blocks;
  const others = blocks.filter(({ uid }) => uid !== block.uid);
  return block.blocked ? byUid([...others, nameOf(block.uid)]) : others;
}

function withItems<T>(known: KnownItems<T>, items: readonly T[]): KnownItems<T> {
  return items === known.items ? known : { ...known, items };
}

function withNamesIn<T extends Person>(people: readonly T[], names: Names): readonly T[] {
  const isNew = (one: T) => {
    const now = names.get(one.uid);
    return now !== undefined && (now.name !== one.name || now.avatar !== one.avatar);
  };
  if (!people.some(isNew)) return people;
  return people.map((one) => {
    const { name, avatar } = names.get(one.uid) ?? one;
    return { ...one, name, avatar };
  });
}

function byUid<T extends Person>(people: T[]): T[] {
  return people.sort((a, b) => a.uid - b.uid);
}
