import { ChangeType, type Message, MessageType, Push, type PushData, roomOfStream, type User } from "@parley/protocol";
import type { ListedRequest } from "../../src/contacts/request-list.ts";
import type { SeenFrame } from "../live-client.ts";
import { applyNotice } from "../notice-client.ts";
import { type ClientState, PAGE, type RoomState, withNotices } from "./client-state.ts";
import { wantsRequests, withFriend, withSelf } from "./contacts.ts";
import * as change from "./state-changes.ts";

/** What an event does not bring and a client reads over HTTP. The whole list: CUR-12 names the same. */
export interface Wanted {
  /** A room that they came into, or came back to while they were away. */
  readonly room?: number;
  /** People who came into one of their rooms and are not known. */
  readonly people?: readonly number[];
  /** Messages that were hidden, of somebody whose ban has ended. */
  readonly messages?: readonly number[];
  /** FRIEND names a request that is not known. */
  readonly requests?: boolean;
}

export interface Fetched {
  readonly room?: RoomState | undefined;
  readonly people?: readonly User[];
  readonly messages?: readonly Message[];
  readonly requests?: readonly ListedRequest[] | undefined;
}

/** Pure. */
export function wantedFor(state: ClientState, frame: SeenFrame): Wanted {
  const resynced = frame.type === Push.RESYNC && roomOfStream(frame.data.stream);
  if (resynced) return { room: resynced };
  if (frame.type === Push.UNBLACK) return { messages: change.hiddenOf(state, frame.data.uid) };
  if (frame.type === Push.FRIEND) return wantsRequests(state.contacts, frame.data) ? { requests: true } : {};
  const blocked: number | undefined = frame.type === Push.SELF && frame.data.block?.uid;
  if (blocked) return change.peopleOf(state).has(blocked) ? {} : { people: [blocked] };
  if (frame.type !== Push.MEMBER_CHANGE || frame.data.changeType !== ChangeType.joined) return {};
  const { roomId } = frame.data;
  if (seqInRoom(frame) <= headOf(state.rooms[roomId])) return {};
  const uids = uidsOf(frame);
  if (uids.includes(state.me.uid)) return { room: roomId };
  const known = change.peopleOf(state);
  const people = uids.filter((uid) => !known.has(uid));
  return people.length === 0 ? {} : { people };
}

/**
 * The state after a frame; undefined: signed out. Pure, and knows only the wire.
 * @throws on what a client cannot make sense of: an unknown event, a gap, an event of a room that it does not know
 */
export function apply(state: ClientState, frame: SeenFrame, fetched: Fetched = {}): ClientState | undefined {
  if (frame.type === Push.INVALIDATE_TOKEN) return undefined;
  if (frame.stream === undefined) return applyUnlogged(state, frame, fetched);
  return roomOfStream(frame.stream) === undefined ? applyOwn(state, frame, fetched) : applyRoom(state, frame, fetched);
}

function applyUnlogged(state: ClientState, { type, data }: SeenFrame, { room }: Fetched): ClientState {
  switch (type) {
    case Push.RESYNC:
      if (!room) throw new Error(`a client cannot read anew what RESYNC names: ${data.stream}`);
      return change.entered(state, room);
    case Push.USER:
      return change.withUser(state, data);
    case Push.RED_DOT: {
      const dots: { roomId: number; unread: number }[] = data.rooms;
      const counted = dots.reduce((so, { roomId, unread }) => change.withUnread(so, roomId, unread), state);
      const { friendRequests, notifications } = data;
      return { ...counted, unread: { ...counted.unread, friendRequests, notifications } };
    }
    // Of the connection, and what the state here does not hold: who is online, who is typing, how far others have read.
    case Push.CURSOR:
    case Push.DRAIN:
    case Push.ONLINE_OFFLINE_NOTIFY:
    case Push.READ:
    case Push.CUSTOM:
    case Push.TYPING:
      return state;
    default:
      throw new Error(`a client does not know frame ${type}`);
  }
}

/** Events of one's own stream, and of everybody's. */
function applyOwn(state: ClientState, frame: SeenFrame, fetched: Fetched): ClientState {
  const { type, data } = frame;
  if (type === Push.BLACK) return change.hidden(state, data.uid);
  if (type === Push.UNBLACK) return change.withRead(state, fetched.messages ?? []);
  const one = state.rooms[data.roomId];
  if (type === Push.MEMBER_CHANGE) {
    // The copy of what the room's stream says: new only to a client that has not had that.
    const seq = seqInRoom(frame);
    if (seq <= headOf(one)) return state;
    if (data.changeType === ChangeType.joined && fetched.room) return change.entered(state, fetched.room);
    if (one) return change.left(state, one, seq);
    throw new Error(`the user leaves room ${data.roomId}, which the client does not know`);
  }
  // What nobody else may see: it has no number in the room, and the list of rooms does not know of it.
  if (type === Push.MESSAGE) return withOwnMessage(state, data);
  if (type === Push.RECALL && one) {
    return change.withRoom(
      state,
      change.withMessages(one, (shown) => recalled(shown, data)),
    );
  }
  if (type === Push.NOTIFICATION) return withNotices(state, applyNotice(state.notices, frame, state.me.createdAt));
  // It is the product's own, and nothing of what the state here holds.
  if (type === Push.CUSTOM) return state;
  if (type === Push.MARK) return Object.values(state.rooms).reduce((so, each) => marked(so, each, data), state);
  if (type === Push.FRIEND) return { ...state, contacts: withFriend(state.contacts, data, fetched.requests) };
  if (type === Push.APPLY) return withRequests(state, state.unread.friendRequests + data.unreadCount);
  if (type !== Push.SELF) throw new Error(`a client does not know event ${type}`);
  if (data.roomId === undefined) {
    const isOfNotices = "unseen" in data;
    const so = isOfNotices ? withNotices(state, applyNotice(state.notices, frame, state.me.createdAt)) : state;
    return withOwnContacts(so, data, fetched);
  }
  const { pinned, muted } = data;
  if (pinned !== undefined || muted !== undefined) {
    const changed = { ...(pinned !== undefined && { pinned }), ...(muted !== undefined && { muted }) };
    return change.withMine(state, data.roomId, changed);
  }
  // A place only moves forward. One that is known came with a reply that was newer than this event.
  if (!one?.mine || data.readSeq <= one.mine.readSeq) return state;
  return change.withUnread(change.withMine(state, data.roomId, { readSeq: data.readSeq }), data.roomId, data.unread);
}

/** What I did with my contacts on another device. */
function withOwnContacts(state: ClientState, data: PushData[109], { people = [] }: Fetched): ClientState {
  const uid = data.block?.uid ?? 0;
  const known = change.peopleOf(state).get(uid);
  const person = people.find((one) => one.uid === uid) ?? (known && { uid, ...known });
  const so = { ...state, contacts: withSelf(state.contacts, data, person) };
  return data.friendRequests === undefined ? so : withRequests(so, data.friendRequests);
}

function withRequests(state: ClientState, friendRequests: number): ClientState {
  return { ...state, unread: { ...state.unread, friendRequests } };
}

/** Events of a room's stream. */
function applyRoom(before: ClientState, frame: SeenFrame, fetched: Fetched): ClientState {
  const roomId = roomOfStream(frame.stream as string) as number;
  // The list's order is over all rooms, so it follows also what a room that was read later has already.
  const listed = before.rooms[roomId]?.mine;
  const state = frame.type === Push.MESSAGE && listed ? change.toFront(before, roomId) : before;
  const one = state.rooms[roomId];
  const seq = seqInRoom(frame);
  if (one && seq <= headOf(one)) return state;
  if (fetched.room) return change.entered(state, fetched.room);
  if (!one) throw new Error(`an event of room ${roomId}, which the client does not know`);
  if (one.room.role === null) throw new Error(`room ${roomId}: event ${seq} comes after the user left`);
  if (seq !== headOf(one) + 1) throw new Error(`room ${roomId}: event ${seq} comes after ${headOf(one)}`);
  return applyNext(state, { ...one, room: { ...one.room, seq } }, { frame, fetched });
}

/** @param one the room, its `seq` that of the event already */
function applyNext(state: ClientState, one: RoomState, event: { frame: SeenFrame; fetched: Fetched }): ClientState {
  const { type, data } = event.frame;
  const { room } = one;
  switch (type) {
    case Push.MESSAGE:
      return withMessage(state, one, data);
    case Push.MESSAGE_UPDATE: {
      const isIt = ({ message }: Message) => message.id === data.message.id;
      return change.withRoom(
        state,
        change.withMessages(one, (shown) => (isIt(shown) ? data : shown)),
      );
    }
    case Push.MARK:
      return marked(state, one, data);
    case Push.CUSTOM:
      return change.withRoom(state, one);
    case Push.RECALL:
      return change.withRoom(
        state,
        change.withMessages(one, (shown) => recalled(shown, data)),
      );
    case Push.ROOM: {
      const { roomId, dissolved, ...changed } = data;
      const so = change.withRoom(state, { ...one, room: { ...room, ...changed } });
      return dissolved ? change.unlisted(so, roomId) : so;
    }
    case Push.MEMBER_UPDATE: {
      const { roomId: _, uid, ...changed } = data;
      const members = one.members?.map((member) => (member.uid === uid ? { ...member, ...changed } : member)) ?? null;
      const isMine = uid === state.me.uid && "role" in changed;
      return change.withRoom(state, { ...one, members, room: isMine ? { ...room, role: changed.role } : room });
    }
    case Push.MEMBER_CHANGE:
      if (data.changeType === ChangeType.joined) return othersJoined(state, one, event);
      if (data.uid === state.me.uid) return change.left(state, one, room.seq ?? 0);
      return othersLeft(state, one, event.frame);
    default:
      throw new Error(`a client does not know event ${type}`);
  }
}

function withMessage(state: ClientState, one: RoomState, message: Message): ClientState {
  const { roomId, seq, no } = message.message;
  // The page may have been read after the room's line, and has the message then, or newer ones only.
  const isNew = seq > (one.messages.at(-1)?.message.seq ?? 0);
  const messages = isNew ? [...one.messages, message].slice(-PAGE) : one.messages;
  const kept = change.withMine(change.withRoom(state, { ...one, messages }), roomId, { lastMessage: message });
  // People who write in a room have read it up to their message.
  if (message.fromUser.uid === state.me.uid) {
    return change.withUnread(change.withMine(kept, roomId, { readSeq: seq }), roomId, 0);
  }
  return no === null ? kept : change.withUnread(kept, roomId, (one.mine?.unread ?? 0) + 1);
}

/** A message that only I may see takes its place by its id. I have read the room up to there. */
function withOwnMessage(state: ClientState, shown: Message): ClientState {
  const { id, roomId, seq } = shown.message;
  const one = state.rooms[roomId];
  if (!one) throw new Error(`a message of room ${roomId}, which the client does not know`);
  const others = one.messages.filter(({ message }) => message.id !== id);
  const messages = [...others, shown].sort((a, b) => a.message.id - b.message.id).slice(-PAGE);
  const so = change.withRoom(state, { ...one, messages });
  if (seq < (one.mine?.readSeq ?? 0)) return so;
  return change.withUnread(change.withMine(so, roomId, { readSeq: seq }), roomId, 0);
}

/** A message after a RECALL: without its text if it is the one, and so where it quotes it. */
function recalled(shown: Message, { msgId, recallUid }: { msgId: number; recallUid: number }): Message {
  const type = MessageType.recalled;
  const notice = (uid: number) =>
    recallUid === uid ? "The sender recalled this message" : "An administrator recalled this message";
  if (shown.message.id === msgId) {
    return { ...shown, message: { ...shown.message, type, body: notice(shown.fromUser.uid) } };
  }
  const reply = change.replyOf(shown);
  return reply?.id === msgId ? change.withReply(shown, { type, body: notice(reply.uid) }) : shown;
}

/** Counts are what MARK says; one's own marks are those that MARK tells of oneself. */
function marked(state: ClientState, one: RoomState, { markList }: PushData[8]): ClientState {
  const changed = (shown: Message) =>
    markList
      .filter(({ msgId }) => msgId === shown.message.id)
      .reduce((so, mark) => change.withMark(so, mark, mark.uid === state.me.uid), shown);
  return change.withRoom(state, change.withMessages(one, changed));
}

function othersJoined(state: ClientState, one: RoomState, { frame, fetched }: { frame: SeenFrame; fetched: Fetched }) {
  const uids = uidsOf(frame);
  const known = change.peopleOf(state);
  for (const person of fetched.people ?? []) known.set(person.uid, person);
  const newcomers = uids.map((uid) => {
    const person = known.get(uid);
    if (!person) throw new Error(`user ${uid} joins, whom the client does not know`);
    return {
      uid,
      role: 3,
      joinedAt: frame.data.joinedAt,
      mutedUntil: null,
      name: person.name,
      avatar: person.avatar,
      activeStatus: null,
      lastOptTime: null,
    };
  });
  const members = [...without(one, uids), ...newcomers].sort((a, b) => a.uid - b.uid);
  return change.withRoom(state, { ...one, members, room: counted(one, uids.length) });
}

function othersLeft(state: ClientState, one: RoomState, frame: SeenFrame): ClientState {
  const uids = uidsOf(frame);
  return change.withRoom(state, { ...one, members: without(one, uids), room: counted(one, -uids.length) });
}

function without({ members }: RoomState, uids: readonly number[]) {
  return (members ?? []).filter(({ uid }) => !uids.includes(uid));
}

function counted({ room }: RoomState, more: number): RoomState["room"] {
  return { ...room, memberCount: (room.memberCount ?? 0) + more };
}

function uidsOf({ data }: SeenFrame): number[] {
  return data.uids ?? [data.uid];
}

/** Of a room's event, or of the copy in one's own stream: its number in the room. */
function seqInRoom({ stream = "", seq, data }: SeenFrame): number {
  return (roomOfStream(stream) === undefined ? data.seq : seq) ?? 0;
}

function headOf(one: RoomState | undefined): number {
  return one?.room.seq ?? 0;
}
