/*
 * store/: what a program that shows rooms keeps of them. It is made from HTTP replies and events, and equals what the server shows,
 * in whatever order both come. Each kind is a file with a class (`Part`) and the pure functions that say what an event makes of it;
 * this file passes everything that comes to all of them. These rules hold for all: a reply is combined with the events that came while
 * it was on its way (`asking.ts`); an event needs no look at every room; what is kept is bounded, except for what somebody subscribes
 * to; a snapshot never changes afterwards. The store reads through the client and has no connection itself.
 */
import { Push } from "@parley/protocol/events";
import { LIMITS } from "@parley/protocol/limits";
import { HALL_ROOM_ID } from "@parley/protocol/streams";
import type { BlockedPerson, Conversation, ListedFriendRequest, Notification, User } from "../api/api-types.ts";
import type { AnyPush } from "../reading/events.ts";
import type { PresentState } from "../reading/presence.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import type { Reloaded, ReloadedState } from "../reading/reload.ts";
import { Asking, type AskingParts } from "./asking.ts";
import { Contacts, type StoredFriend } from "./friends.ts";
import { MemberLists, type Members } from "./members.ts";
import { type Messages, MessageWindows } from "./messages.ts";
import type { Names, Person } from "./names.ts";
import { Notices } from "./notices.ts";
import { Notifications } from "./notifications.ts";
import type { OwnItems } from "./own-list.ts";
import type { Part, PartOfRooms } from "./part.ts";
import { People } from "./people.ts";
import type { ReadPlaces } from "./read-places.ts";
import { Receipts } from "./receipts.ts";
import type { StoredRoom } from "./room-after.ts";
import { LIST, Rooms } from "./rooms.ts";
import type { StoreSource } from "./source.ts";
import { Topics } from "./topics.ts";
import { type Unread, UnreadSums } from "./unread.ts";
import type { View } from "./view.ts";

export interface StoreOptions {
  /** Messages in a page. [50] */
  readonly page?: number;
  /** Messages of one room that are kept at most; beyond that, those furthest from the reader are dropped. [500] */
  readonly messagesKept?: number;
  /** Called with what a listener of yours throws. [console.error] */
  readonly onError?: (error: unknown) => void;
}

/** `loading` until the list of rooms has been read; `refused`: the server does not show it to this user. */
export type StoreState = "loading" | "ready" | "refused";

/** How many people's names are read again, at most, after a reconnect. */
const NAMES_ANEW = 1_000;

type Own = "me" | "state" | "unread" | "onlineNum" | typeof LIST;

/** What one signed-in user's program keeps; made by `createStore`, and ended by `stop`. It starts afresh when another user signs in. */
export class Store {
  readonly #source: StoreSource;
  readonly #asking: Asking;
  readonly #notices: Notices;
  readonly #own: Topics<Own>;
  readonly #roomTopics: Topics<number>;
  readonly #peopleTopics: Topics<number>;
  readonly #presence: Topics<number>;
  readonly #rooms: Rooms;
  readonly #messages: MessageWindows;
  readonly #members: MemberLists;
  readonly #people: People;
  readonly #receipts: Receipts;
  readonly #unread: UnreadSums;
  readonly #notifications: Notifications;
  readonly #contacts: Contacts;
  /** What is kept of each room besides its line. */
  readonly #ofRooms: readonly PartOfRooms[];
  readonly #parts: readonly Part[];
  readonly #ends: (() => void)[];
  #me: User | undefined;
  #state: StoreState = "loading";
  #isBegun = false;
  #wasLive = false;

  /** The user who is signed in; undefined until they are known. */
  readonly me: View<User | undefined>;
  readonly state: View<StoreState>;
  /** The user's rooms, newest activity first. */
  readonly rooms: View<readonly StoredRoom[]>;
  readonly unread: View<Unread>;
  /** By uid. */
  readonly friends: View<OwnItems<StoredFriend>>;
  /** Requests from the user and to the user, newest first. */
  readonly friendRequests: View<OwnItems<ListedFriendRequest>>;
  /** People whom the user has blocked, by uid. */
  readonly blocks: View<OwnItems<BlockedPerson>>;
  /** What the product has told the user and they have not archived, newest first. */
  readonly notifications: View<OwnItems<Notification>>;
  /** How many people are online in total; undefined until the server has said so. */
  readonly onlineNum: View<number | undefined>;

  constructor(source: StoreSource, options: StoreOptions, how: Omit<AskingParts, "source"> & { now: () => number }) {
    const {
      page = 50,
      messagesKept = 500,
      onError = (error) => console.error("parley: a listener failed:", error),
    } = options;
    const notices = new Notices(onError);
    const asking = new Asking({ source, ...how });
    this.#source = source;
    this.#asking = asking;
    this.#notices = notices;
    this.#own = new Topics(notices);
    this.#roomTopics = new Topics(notices);
    this.#presence = new Topics(notices);
    this.#peopleTopics = new Topics(notices, (uid) => {
      if (!this.#people.of(uid)) this.#people.ask([uid]);
    });
    const common = {
      asking,
      notices,
      me: () => this.#me?.uid ?? 0,
      learn: (people: readonly Person[], pushes: readonly PushFrame[]) => this.#people.learn(people, pushes),
      nameOf: (uid: number) => this.#people.nameOf(uid),
    };
    this.#people = new People({
      ...common,
      topics: this.#peopleTopics,
      onNames: (names) => this.#renamed(names),
    });
    this.#unread = new UnreadSums(this.#own as Topics<"unread">);
    this.#rooms = new Rooms({
      ...common,
      isShown: (roomId) =>
        this.#roomTopics.isUsed(roomId) || this.#messages.isShown(roomId) || this.#members.isShown(roomId),
      onChange: (topic) => (topic === LIST ? this.#own.tell(LIST) : this.#roomTopics.tell(topic)),
      onEntered: (roomId) => {
        for (const part of this.#ofRooms) part.entered(roomId);
      },
      onLeft: (roomId) => {
        for (const part of this.#ofRooms) part.left?.(roomId);
      },
      onListed: (roomId) => {
        for (const part of this.#ofRooms) part.listed(roomId);
      },
      onUnread: (total) => this.#unread.set({ total }),
    });
    this.#messages = new MessageWindows({
      ...common,
      page,
      max: Math.max(messagesKept, page),
      onPage: (roomId) => this.#receipts.look(roomId),
    });
    this.#members = new MemberLists(common);
    this.#receipts = new Receipts({
      ...common,
      newestOwn: (roomId) => this.#messages.newestOwn(roomId),
      isTold: (roomId) => {
        const room = this.#rooms.of(roomId);
        return (
          room?.isListed === true && (room.memberCount ?? 0) <= LIMITS.receiptRoomMembers && roomId !== HALL_ROOM_ID
        );
      },
    });
    this.#ofRooms = [this.#messages, this.#members, this.#receipts];
    this.#notifications = new Notifications({
      ...common,
      now: how.now,
      me: () => this.#me,
      onUnseen: (notifications) => this.#unread.set({ notifications }),
    });
    this.#contacts = new Contacts({
      ...common,
      onUnread: (friendRequests) => this.#unread.set({ friendRequests }),
    });
    this.#parts = [
      ...[this.#people, this.#unread, this.#rooms, ...this.#ofRooms],
      ...[this.#contacts, this.#notifications],
    ];
    this.me = this.#own.view("me", () => this.#me);
    this.state = this.#own.view("state", () => this.#state);
    this.rooms = this.#own.view(LIST, this.#rooms.list);
    this.unread = this.#own.view("unread", this.#unread.get);
    this.friends = this.#contacts.friends.view;
    this.friendRequests = this.#contacts.requests.view;
    this.blocks = this.#contacts.blocks.view;
    this.notifications = this.#notifications.list.view;
    this.onlineNum = this.#own.view("onlineNum", () => source.presence.onlineNum);
    this.#ends = [
      source.on("event", (push) => this.#pushed(push)),
      source.on("state", () => this.#connected()),
      source.on("state-reloaded", (reloaded) => this.#reloaded(reloaded)),
      source.on("presence", ({ uids }) => this.#present(uids)),
    ];
    this.#connected();
  }

  /** One room; undefined if it is not known. */
  room(roomId: number): View<StoredRoom | undefined> {
    return this.#roomTopics.view(roomId, () => this.#rooms.of(roomId));
  }

  messages(roomId: number): Messages {
    return this.#messages.of(roomId);
  }

  members(roomId: number): Members {
    return this.#members.of(roomId);
  }

  /**
   * How far people have read a room of at most 100 members, by uid: `readersOf` tells from it who has read one of the user's own messages.
   * Undefined: not known, or not shown.
   */
  receipts(roomId: number): View<ReadPlaces | undefined> {
    return this.#receipts.of(roomId);
  }

  /** Somebody's name and picture; undefined until they are known. They are asked for when somebody subscribes. */
  person(uid: number): View<Person | undefined> {
    return this.#peopleTopics.view(uid, () => this.#people.of(uid));
  }

  /** Whether somebody is online; undefined if it is not known. */
  presence(uid: number): View<PresentState | undefined> {
    return this.#presence.view(uid, () => this.#source.presence.of(uid));
  }

  /** Called when anything at all has changed. @returns the function that ends it */
  subscribe(listener: () => void): () => void {
    const own = () => listener();
    this.#notices.any.add(own);
    return () => void this.#notices.any.delete(own);
  }

  /** Asks for the names and pictures of these people. */
  askPeople(uids: Iterable<number>): void {
    this.#people.ask(uids);
  }

  /** From now on nothing is read or kept up to date. */
  stop(): void {
    for (const end of this.#ends) end();
    this.#asking.giveUp();
    this.#notifications.stop();
  }

  #pushed({ type, data, stream, seq }: AnyPush): void {
    const push = { type, data, stream, seq } as PushFrame;
    if (push.type === Push.LOGIN_SUCCESS && this.#me && this.#me.uid !== push.data.uid) return this.#begin();
    this.#notices.run(() => {
      this.#asking.push(push);
      if (push.type === Push.USER && push.data.uid === this.#me?.uid) this.#setMe({ ...this.#me, ...push.data });
      for (const part of this.#parts) part.push(push);
    });
  }

  #connected(): void {
    const { state, cursor } = this.#source;
    if (cursor === undefined) return;
    if (!this.#isBegun) this.#begin();
    else if (state.kind === "live" && !this.#wasLive) this.#live();
    this.#wasLive = state.kind === "live";
  }

  /** Starts afresh. */
  #begin(): void {
    this.#isBegun = true;
    this.#asking.giveUp();
    this.#notices.run(() => {
      this.#setMe(undefined);
      this.#setState("loading");
      for (const part of this.#parts) part.clear();
    });
    void this.#load();
  }

  async #load(): Promise<void> {
    const { signal } = this.#asking;
    try {
      // What is read before the client has its place in the log would lack the events in between.
      const { reply, pushes } = await this.#asking.first(() =>
        this.#asking.with(
          ({ type }) => type === Push.USER,
          () => this.#asking.request("GET /me", {}),
        ),
      );
      const { asOf: _, ...me } = reply;
      this.#notices.run(() => {
        this.#setMe(me);
        for (const { type, data } of pushes)
          if (type === Push.USER && data.uid === me.uid) this.#setMe({ ...me, ...data });
        this.#people.learn([me], pushes);
      });
      this.#asking.open();
      await this.#rooms.load();
      await this.#countUnread();
      this.#notices.run(() => this.#setState("ready"));
    } catch {
      // The client says why it has stopped; with its next connection everything is read again.
      if (!signal.aborted) this.#notices.run(() => this.#setState("refused"));
    }
  }

  /** Connected again: names are not logged, so those that are shown may have changed. */
  #live(): void {
    if (this.#state === "refused") return this.#begin();
    this.#notices.run(() => {
      for (const part of this.#parts) part.live?.();
    });
    this.#people.ask(this.#shownPeople());
    void this.#countUnread().catch(() => {});
  }

  /** RED_DOT brings the counts to connections, but not to polls. */
  async #countUnread(): Promise<void> {
    const { friendRequests, notifications } = await this.#asking.untilItWorks(() =>
      this.#asking.request("GET /unread", {}),
    );
    this.#notices.run(() => {
      this.#contacts.counted(friendRequests);
      this.#notifications.counted(notifications);
    });
  }

  #reloaded(reloaded: ReloadedState | Reloaded): void {
    const { everything = true, roomIds = [], rooms, asOf } = reloaded as Partial<ReloadedState> & Reloaded;
    if (!this.#isBegun) return;
    this.#notices.run(() => {
      if (!everything) return this.#rooms.missedRooms(roomIds);
      for (const part of this.#parts) part.missed?.();
      // A product that reads state itself returns only what its own program needs.
      const isWhole = rooms.every((room) => "lastMessage" in room && "muted" in room);
      if (this.#state === "ready" && isWhole) this.#rooms.reloaded(rooms as readonly Conversation[], asOf);
      else this.#begin();
    });
  }

  #present(uids: readonly number[]): void {
    this.#notices.run(() => {
      for (const uid of uids) this.#presence.tell(uid);
      this.#own.tell("onlineNum");
    });
  }

  #renamed(names: Names): void {
    for (const part of this.#parts) part.renamed?.(names);
    const name = names.get(this.#me?.uid ?? 0);
    if (name && this.#me) this.#setMe({ ...this.#me, name: name.name, avatar: name.avatar });
  }

  #shownPeople(): number[] {
    const uids = new Set([
      ...(this.#me ? [this.#me.uid] : []),
      ...this.#peopleTopics.used,
      ...this.#rooms.people(),
      ...this.#messages.people(),
      ...this.#members.people(),
      ...this.#contacts.people(),
    ]);
    return [...uids].slice(0, NAMES_ANEW);
  }

  #setMe(me: User | undefined): void {
    if (JSON.stringify(me) === JSON.stringify(this.#me)) return;
    this.#me = me;
    this.#own.tell("me");
  }

  #setState(state: StoreState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#own.tell("state");
  }
}
