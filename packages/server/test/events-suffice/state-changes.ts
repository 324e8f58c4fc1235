import { ActType, type MarkChange, MarkType, type Message, MessageType, type User } from "@parley/protocol";
import type { ClientState, RoomState } from "./client-state.ts";
import { peopleIn, withPerson } from "./contacts.ts";

/** Single changes of a client's state, each a new state. Pure; `apply.ts` says which frame makes which. */

export function withRoom(state: ClientState, one: RoomState): ClientState {
  return { ...state, rooms: { ...state.rooms, [one.room.id]: one } };
}

/** Changes what the list adds to a room; nothing where it is not in the list. */
export function withMine(state: ClientState, roomId: number, change: Partial<RoomState["mine"]>): ClientState {
  const one = state.rooms[roomId];
  return one?.mine ? withRoom(state, { ...one, mine: { ...one.mine, ...change } }) : state;
}

/** A room's red dot, in the list and in the sum of all. */
export function withUnread(state: ClientState, roomId: number, unread: number): ClientState {
  const others = state.unread.rooms.filter((dot) => dot.roomId !== roomId);
  const rooms = unread === 0 ? others : [...others, { roomId, unread }].sort((a, b) => a.roomId - b.roomId);
  const total = rooms.reduce((sum, dot) => sum + dot.unread, 0);
  return { ...withMine(state, roomId, { unread }), unread: { ...state.unread, rooms, total } };
}

export function toFront(state: ClientState, roomId: number): ClientState {
  return { ...state, order: [roomId, ...state.order.filter((id) => id !== roomId)] };
}

/** A room that the user came into, as it was read. It may be gone again by then. */
export function entered(state: ClientState, one: RoomState): ClientState {
  const known = withRoom(state, one);
  if (!one.mine) return unlisted(known, one.room.id);
  return withUnread(toFront(known, one.room.id), one.room.id, one.mine.unread);
}

/** The user has left the room and keeps what they have of it. */
export function left(state: ClientState, one: RoomState, seq: number): ClientState {
  const room = { ...one.room, seq, role: null, memberCount: (one.room.memberCount ?? 0) - 1 };
  return unlisted(withRoom(state, { ...one, members: null, room }), room.id);
}

export function unlisted(state: ClientState, roomId: number): ClientState {
  const one = withUnread(state, roomId, 0).rooms[roomId] as RoomState;
  const order = state.order.filter((id) => id !== roomId);
  return withRoom({ ...withUnread(state, roomId, 0), order }, { ...one, mine: null });
}

/** A name or picture, wherever it is shown. */
export function withUser(state: ClientState, user: User): ClientState {
  const { uid, name, avatar } = user;
  const rooms = Object.entries(state.rooms).map(([id, one]): [string, RoomState] => {
    const quoting = (shown: Message) => (replyOf(shown)?.uid === uid ? withReply(shown, { username: name }) : shown);
    const room = one.room.userId === uid ? { ...one.room, name, avatar } : one.room;
    const members = one.members?.map((member) => (member.uid === uid ? { ...member, name, avatar } : member)) ?? null;
    return [id, { ...withMessages(one, quoting), room, members }];
  });
  const contacts = withPerson(state.contacts, user);
  return { ...state, contacts, me: uid === state.me.uid ? user : state.me, rooms: Object.fromEntries(rooms) };
}

/** Changes messages where they are shown: in the page, and as the newest of the list. */
export function withMessages(one: RoomState, change: (shown: Message) => Message): RoomState {
  const newest = one.mine?.lastMessage;
  const mine = one.mine && { ...one.mine, lastMessage: newest ? change(newest) : null };
  return { ...one, mine, messages: one.messages.map(change) };
}

const HIDDEN = "This message is hidden";

/** Somebody was banned: what they wrote shows that it is hidden, where it is quoted too, unless it was recalled before. */
export function hidden(state: ClientState, uid: number): ClientState {
  const hide = (shown: Message): Message => {
    const { message, fromUser } = shown;
    if (fromUser.uid !== uid) {
      const reply = replyOf(shown);
      const isTheirs = reply?.uid === uid && reply.type !== MessageType.recalled;
      return isTheirs ? withReply(shown, { type: MessageType.recalled, body: HIDDEN }) : shown;
    }
    if (message.type === MessageType.recalled) return shown;
    return { ...shown, message: { ...message, type: MessageType.recalled, body: HIDDEN } };
  };
  return Object.values(state.rooms).reduce((so, one) => withRoom(so, withMessages(one, hide)), state);
}

/** The ids of messages that show, or quote, what is hidden of somebody. */
export function hiddenOf(state: ClientState, uid: number): number[] {
  const shown = Object.values(state.rooms).flatMap((one) => [...one.messages, one.mine?.lastMessage ?? []].flat());
  const isHidden = (one: Message) =>
    (one.fromUser.uid === uid && one.message.body === HIDDEN) ||
    (replyOf(one)?.uid === uid && replyOf(one)?.body === HIDDEN);
  return [...new Set(shown.filter(isHidden).map(({ message }) => message.id))];
}

/** Messages as they were read anew. */
export function withRead(state: ClientState, read: readonly Message[]): ClientState {
  const byId = new Map(read.map((one) => [one.message.id, one]));
  const anew = (shown: Message) => byId.get(shown.message.id) ?? shown;
  return Object.values(state.rooms).reduce((so, one) => withRoom(so, withMessages(one, anew)), state);
}

/** @param mine whether the mark is the user's own */
export function withMark(shown: Message, { markType, markCount, actType }: MarkChange, mine: boolean): Message {
  const own = actType === ActType.confirm ? 1 : 0;
  const changed =
    markType === MarkType.like
      ? { likeCount: markCount, ...(mine && { userLike: own }) }
      : { dislikeCount: markCount, ...(mine && { userDislike: own }) };
  const messageMark = { ...shown.message.messageMark, ...changed } as Message["message"]["messageMark"];
  return { ...shown, message: { ...shown.message, messageMark } };
}

type Reply = NonNullable<Exclude<Message["message"]["body"], string>["reply"]>;

/** What a message quotes. */
export function replyOf({ message: { body } }: Message): Reply | null {
  return typeof body === "string" ? null : body.reply;
}

export function withReply(shown: Message, change: Partial<Reply>): Message {
  const { body } = shown.message;
  if (typeof body === "string" || !body.reply) return shown;
  return { ...shown, message: { ...shown.message, body: { ...body, reply: { ...body.reply, ...change } } } };
}

/** Everybody whose name and picture a client has. */
export function peopleOf(state: ClientState): Map<number, { name: string; avatar: string }> {
  const { me } = state;
  const members = Object.values(state.rooms).flatMap((one) => one.members ?? []);
  return new Map([me, ...members, ...peopleIn(state.contacts)].map(({ uid, name, avatar }) => [uid, { name, avatar }]));
}

/** Everybody whose name a client shows. */
export function shownPeople(state: ClientState): number[] {
  const rooms = Object.values(state.rooms);
  const others = rooms.flatMap(({ room, messages }) => [
    room.userId ?? [],
    ...messages.map((message) => replyOf(message)?.uid ?? []),
  ]);
  return [...new Set([...peopleOf(state).keys(), ...others.flat()])];
}
