/**
 * Events suffice: the state that a client keeps, with the events since applied, is the state that the server shows now. The client is
 * the one that ships: `watched-store.ts` has the store of `@parley/client`. This file reads the state as a plain reader does, `follow.ts`
 * gets the frames, live and by polling, and `suffices.ts` compares. The `*.cases.ts` play every command of the API; one that is added later
 * and has no case fails `commands.test.ts`.
 *
 * This file knows the HTTP API, the client and the protocol package; it must not import the server, except the types of its replies.
 */
import { HALL_ROOM_ID, type Message, type RedDot, type User } from "@parley/protocol";
import type { MemberView } from "../../src/rooms/members.ts";
import type { ConversationView, RoomView } from "../../src/rooms/room-view.ts";
import type { ApiClient } from "../api-client.ts";
import { readNotices, type ShownNotices } from "../notice-client.ts";
import { type ContactsState, readContacts } from "./contacts.ts";

export interface ClientState {
  readonly me: User;
  /** Rooms that the user is in, newest activity first. */
  readonly order: readonly number[];
  /** These rooms, and rooms that the user knew and has left. */
  readonly rooms: Readonly<Record<number, RoomState>>;
  readonly unread: RedDot;
  readonly contacts: ContactsState;
  readonly notices: Pick<ShownNotices, "list" | "unseen" | "unread">;
}

export interface RoomState {
  readonly room: RoomView;
  /** What the list of rooms adds; null if the room is not in it. */
  readonly mine: Omit<ConversationView, keyof RoomView> | null;
  /** By uid; null if the user may not see them, and in the hall, whose members are everybody. */
  readonly members: readonly MemberView[] | null;
  /** The newest page, ascending. */
  readonly messages: readonly Message[];
}

/** How many messages a client keeps of each room. */
export const PAGE = 50;

type Dated<T> = T & { readonly asOf: string };

/**
 * Everything, as of one moment; undefined if signed out.
 * @param known rooms to read besides those in the list
 */
export async function readState(
  api: ApiClient,
  known: readonly number[] = [],
): Promise<{ state: ClientState; asOf: string } | undefined> {
  for (let tries = 0; tries < 20; tries++) {
    const me = await api.call<Dated<User>>("GET", "/me");
    if (me.status === 401) return undefined;
    const [list, unread, notices, { contacts, asOfs }] = await Promise.all([
      readList(api),
      api.ok<Dated<RedDot & { asOf: string }>>("GET", "/unread"),
      readNotices(api),
      readContacts(api),
    ]);
    const order = list.items.map(({ id }) => id);
    const ids = [...new Set([...order, ...known])];
    const lines = new Map(list.items.map((line) => [line.id, line]));
    const rooms = await Promise.all(ids.map((id) => readRoom(api, id, lines.get(id))));
    const dated = [...rooms, notices, { asOfs }].flatMap(({ asOfs }) => asOfs.map((asOf) => ({ asOf })));
    const parts = [me.body, unread, ...dated];
    const asOf = list.asOf;
    // Replies from several moments make no state, so it reads again until nothing was logged in between.
    if (parts.some((part) => part.asOf !== asOf)) continue;
    for (const { state, view } of rooms) {
      // Both replies must say the same about a room, or a client would have to know which to believe.
      if (Bun.deepEquals(counted(state.room), counted(view))) continue;
      throw new Error(`of one moment: ${JSON.stringify(state.room)} in GET /rooms, ${JSON.stringify(view)} in its own`);
    }
    const byId = Object.fromEntries(rooms.map(({ state }) => [state.room.id, state]));
    const { archived: _, ...shown } = notices.shown;
    const state = { me: undated(me.body), order, rooms: byId, unread: undated(unread), contacts, notices: shown };
    return { state, asOf };
  }
  throw new Error("the log does not come to rest");
}

/** The number of people is counted anew from time to time, and no event says it (CUR-12), so two replies of one moment may differ in it. */
function counted(room: RoomView): RoomView {
  return room.id === HALL_ROOM_ID ? { ...room, memberCount: null } : room;
}

async function readList(api: ApiClient): Promise<{ items: ConversationView[]; asOf: string }> {
  type Page = Dated<{ items: ConversationView[]; nextCursor: string | null }>;
  const items: ConversationView[] = [];
  const first = await api.ok<Page>("GET", "/rooms?limit=100");
  for (let page = first; ; page = await api.ok<Page>("GET", `/rooms?limit=100&cursor=${page.nextCursor}`)) {
    items.push(...page.items);
    if (page.nextCursor === null) return { items, asOf: first.asOf };
  }
}

async function readRoom(
  api: ApiClient,
  id: number,
  line: ConversationView | undefined,
): Promise<{ state: RoomState; view: RoomView; asOfs: string[] }> {
  const [reply, members, page] = await Promise.all([
    api.ok<Dated<RoomView>>("GET", `/rooms/${id}`),
    id === HALL_ROOM_ID ? undefined : readMembers(api, id),
    api.ok<Dated<{ items: Message[] }>>("GET", `/rooms/${id}/messages?limit=${PAGE}`),
  ]);
  const view = undated(reply);
  const { room, mine } = line ? split(line) : { room: view, mine: null };
  const asOfs = [reply.asOf, page.asOf, ...(members?.asOf ? [members.asOf] : [])];
  return { state: { room, mine, members: members?.items ?? null, messages: page.items }, view, asOfs };
}

async function readMembers(api: ApiClient, id: number): Promise<Partial<Dated<{ items: MemberView[] }>>> {
  type Page = Dated<{ items: MemberView[]; nextCursor: string | null }>;
  const items: MemberView[] = [];
  for (let cursor: string | null = ""; ; ) {
    const { status, body }: { status: number; body: Page } = await api.call<Page>(
      "GET",
      `/rooms/${id}/members?limit=100&cursor=${cursor}`,
    );
    if (status === 403) return {};
    if (status !== 200) throw new Error(`members of ${id}: ${status}`);
    // No logged event says which people are online (GW-80).
    items.push(...body.items.map((member) => ({ ...member, activeStatus: null, lastOptTime: null })));
    if (body.nextCursor === null) return { items, asOf: body.asOf };
    cursor = body.nextCursor;
  }
}

function split({ lastMessage, unread, readSeq, pinned, muted, ...room }: ConversationView) {
  return { room, mine: { lastMessage, unread, readSeq, pinned, muted } };
}

function undated<T extends { asOf: string }>({ asOf: _, ...rest }: T): Omit<T, "asOf"> {
  return rest;
}
