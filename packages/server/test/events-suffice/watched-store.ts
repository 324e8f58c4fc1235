import { type ClientState as ConnectionState, createClient } from "@parley/client";
import { createStore, type Store, type StoreSource } from "@parley/client/store";
import { ActiveStatus, ChangeType, HALL_ROOM_ID, Push, roomOfStream } from "@parley/protocol";
import { nextTurn } from "../../src/lib/interval.ts";
import type { Person, TestServer } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import { type ClientState, PAGE, type RoomState } from "./client-state.ts";

/** Turns of the loop without a request, after which a store has nothing left to do. */
const QUIET_TURNS = 5;

const LIVE: ConnectionState = { kind: "live", transport: "websocket" };

type Handler = (data: never) => unknown;

/**
 * The store that ships, which gets frames one by one instead of a connection. It looks at the messages and members of every room, as they
 * come. If it asks for anything over HTTP beyond what CUR-12 names, that is a failure.
 */
export class WatchedStore {
  readonly #request: StoreSource["request"];
  readonly #handlers = new Map<string, Handler>();
  readonly #looks: (() => void)[] = [];
  readonly #watched = new Set<number>();
  readonly #store: Store;
  readonly #connection = { state: LIVE };
  #requests = 0;
  /** Rooms that the user has come into since the previous state; undefined while it is still being read. */
  #entered: Set<number> | undefined;
  /** Other reads that an event, or a connection that is back, allows. */
  readonly #allowed = new Set<string>();
  #isSignedOut = false;
  readonly #unasked: string[] = [];

  private constructor(server: TestServer, person: Person, cursor: string) {
    const client = createClient({ url: server.url, token: person.token, tabs: false });
    this.#request = (route, ...args) => client.request(route, ...args);
    const connection = this.#connection;
    const source: StoreSource = {
      cursor,
      get state() {
        return connection.state;
      },
      presence: { of: () => undefined, onlineNum: undefined },
      on: (name, handler) => {
        this.#handlers.set(name, handler);
        return () => this.#handlers.delete(name);
      },
      request: (route, ...args) => this.#counted(route, args as never) as never,
    };
    this.#store = createStore(source, { page: PAGE, messagesKept: PAGE });
    this.#looks.push(this.#store.rooms.subscribe(() => this.#look()));
    const { friends, friendRequests, blocks, notifications } = this.#store;
    for (const view of [friends, friendRequests, blocks, notifications]) this.#looks.push(view.subscribe(() => {}));
  }

  /** The store has read what the server shows, as of the cursor or later. */
  static async read(server: TestServer, person: Person, known: { asOf: string; rooms: readonly number[] }) {
    const watched = new WatchedStore(server, person, known.asOf);
    await watched.#settled();
    watched.#look();
    for (const roomId of known.rooms) watched.#watch(roomId);
    await watched.#settled();
    watched.#entered = new Set();
    return watched;
  }

  /** A frame as it came. RESYNC is handled by the client: it reads the room and tells the store. */
  async take(frame: SeenFrame): Promise<void> {
    const { type, data, stream, seq } = frame;
    if (type === Push.INVALIDATE_TOKEN) return this.signedOut();
    const resynced = type === Push.RESYNC ? roomOfStream(data.stream) : undefined;
    if (resynced !== undefined) {
      this.#comesInto(resynced);
      const room = await this.#request("GET /rooms/{id}", { path: { id: resynced } }).catch(() => undefined);
      const rooms = room ? [room] : [];
      return this.#tell("state-reloaded", { everything: false, roomIds: [resynced], rooms, asOf: room?.asOf ?? "" });
    }
    // What they wrote was hidden, and is read again wherever it is shown.
    if (type === Push.UNBLACK) for (const id of this.#watched) this.#entered?.add(id);
    if (type === Push.FRIEND && data.requestId !== undefined) this.#allowed.add("GET /friend-requests");
    if (type === Push.SELF && data.block) this.#allowed.add("GET /users");
    if (type === Push.MEMBER_CHANGE && data.changeType === ChangeType.joined) {
      this.#allowed.add("GET /users");
      if ([data.uid, ...(data.uids ?? [])].includes(this.#store.me.getSnapshot()?.uid)) this.#comesInto(data.roomId);
    }
    this.#tell("event", { name: undefined, type, data, stream, seq });
  }

  signedOut(): void {
    this.#isSignedOut = true;
  }

  /** The connection was away: does what a client then does about names. */
  cameBack(): void {
    for (const route of ["GET /users", "GET /unread"]) this.#allowed.add(route);
    for (const state of [{ kind: "connecting", transport: "websocket" } as const, LIVE]) {
      this.#connection.state = state;
      this.#tell("state", state);
    }
  }

  /**
   * What it shows when it has nothing left to do; undefined if signed out.
   * @throws Error when it has asked for something that events should have brought
   */
  async state(): Promise<ClientState | undefined> {
    await this.#settled();
    if (this.#unasked.length > 0) throw new Error(`a client asked for what events bring: ${this.#unasked.join(", ")}`);
    return this.#isSignedOut ? undefined : this.#shown();
  }

  stop(): void {
    for (const end of this.#looks) end();
    this.#store.stop();
  }

  #comesInto(roomId: number): void {
    this.#entered?.add(roomId);
    this.#watch(roomId);
  }

  #look(): void {
    for (const { id } of this.#store.rooms.getSnapshot()) this.#watch(id);
  }

  #watch(roomId: number): void {
    if (this.#watched.has(roomId)) return;
    this.#watched.add(roomId);
    this.#looks.push(this.#store.messages(roomId).subscribe(() => {}));
    if (roomId !== HALL_ROOM_ID)
      this.#looks.push(this.#store.members(roomId).subscribe(() => void this.#moreMembers()));
  }

  async #moreMembers(): Promise<void> {
    for (const roomId of this.#watched) await this.#store.members(roomId).more();
  }

  async #counted(route: string, args: [never]): Promise<unknown> {
    this.#check(route, args);
    this.#requests += 1;
    try {
      return await (this.#request as (route: string, args: never) => Promise<unknown>)(route, args[0]);
    } finally {
      this.#requests -= 1;
    }
  }

  #check(route: string, [args]: [{ readonly path?: { readonly id?: number } }]): void {
    const entered = this.#entered;
    if (!entered) return;
    const id = args?.path?.id;
    const isOfRooms = id === undefined ? route === "GET /rooms" && entered.size > 0 : entered.has(id);
    const isNamed = isOfRooms || this.#allowed.has(route);
    if (!isNamed) this.#unasked.push(`${route} ${id ?? ""}`);
  }

  async #settled(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; quiet = this.#requests > 0 ? 0 : quiet + 1) await nextTurn();
  }

  #tell(name: string, data: unknown): void {
    this.#handlers.get(name)?.(data as never);
  }

  #shown(): ClientState {
    const list = this.#store.rooms.getSnapshot();
    const { total, ...others } = this.#store.unread.getSnapshot();
    const rooms = [...this.#watched].flatMap((id) => this.#roomOf(id) ?? []);
    const dots = list.filter(({ unread }) => unread > 0).map(({ id, unread }) => ({ roomId: id, unread }));
    return {
      me: this.#store.me.getSnapshot() as ClientState["me"],
      order: list.map(({ id }) => id),
      rooms: Object.fromEntries(rooms.map((one) => [one.room.id, one])),
      unread: { total, rooms: dots.sort((a, b) => a.roomId - b.roomId), ...others },
      contacts: this.#contacts(),
      notices: this.#notices(),
    };
  }

  #contacts(): ClientState["contacts"] {
    const { friends, friendRequests, blocks } = this.#store;
    const offline = { activeStatus: ActiveStatus.offline, lastOptTime: null };
    return {
      requests: friendRequests.getSnapshot().items,
      friends: friends.getSnapshot().items.map((friend) => ({ ...friend, ...offline })),
      blocks: blocks.getSnapshot().items,
    };
  }

  #notices(): ClientState["notices"] {
    const list = this.#store.notifications.getSnapshot().items;
    const unread = list.filter(({ read, done }) => !read && !done);
    return { list, unread: unread.length, unseen: unread.filter(({ seen }) => !seen).length };
  }

  #roomOf(id: number): RoomState | undefined {
    const known = this.#store.room(id).getSnapshot();
    if (!known) return undefined;
    const { isListed, lastMessage, unread, readSeq, pinned, muted, ...room } = known;
    const mine = isListed ? { lastMessage, unread, readSeq, pinned, muted } : null;
    const { items, state } = this.#store.members(id).getSnapshot();
    const isKnown = id !== HALL_ROOM_ID && state === "ready";
    const members = isKnown ? items.map((one) => ({ ...one, activeStatus: null, lastOptTime: null })) : null;
    return { room, mine, members, messages: [...this.#store.messages(id).getSnapshot().items] };
  }
}
