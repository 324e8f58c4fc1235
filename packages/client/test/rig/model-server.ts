import { ChangeType, Push } from "@parley/protocol/events";
import { HIDDEN_TEXT, type Message } from "@parley/protocol/message-type";
import type { Conversation, Member, Notification, Room } from "../../src/api/api-types.ts";
import type { AnyPush } from "../../src/reading/events.ts";

export const ME = 20_000;
const EPOCH = "0123456789abcdef";
const RECALLED = "The sender recalled this message";
const RECALLED_FOR_THEM = "An administrator recalled this message";
const ADMINISTRATOR = 1;

export interface ModelRoom {
  readonly id: number;
  readonly userId: number | null;
  name: string;
  seq: number;
  readonly members: Map<number, { role: number; joinedAt: number; mutedUntil: number | null; readSeq: number }>;
  readonly messages: { message: Message; quotes: number | null; isHidden: boolean; likes: Set<number> }[];
  /** Where the reader joined. */
  joinedPos: number;
  readSeq: number;
  readNo: number;
  no: number;
  pinned: boolean;
  dissolvedAt: number | null;
  /** The room as it was when the reader left it. */
  left: Room | undefined;
}

/**
 * What a server shows one reader and sends to them, in a few lines and without a log: the rules of IM and CUR that the store depends on.
 * Frames wait in `frames` until a test hands them over.
 */
export class ModelServer {
  readonly frames: { pos: number; push: AnyPush }[] = [];
  readonly names = new Map([ME, 20_001, 20_002, 20_003].map((uid) => [uid, `name of ${uid}`]));
  readonly rooms = new Map<number, ModelRoom>();
  /** Newest first. */
  notifications: Notification[] = [];
  readonly #banned = new Set<number>();
  #pos = 0;
  #own = 0;
  #ids = 1;

  get pos(): number {
    return this.#pos;
  }

  get asOf(): string {
    return `${EPOCH};*@${this.#pos}`;
  }

  get mine(): ModelRoom[] {
    return [...this.rooms.values()].filter((room) => this.isIn(room));
  }

  isIn(room: ModelRoom): boolean {
    return room.members.has(ME) && room.dissolvedAt === null;
  }

  make(uids: readonly number[], isDirect = false): ModelRoom {
    this.#ids += 1;
    const room: ModelRoom = {
      ...{ id: this.#ids, userId: isDirect ? (uids[1] as number) : null, name: `room ${this.#ids}`, seq: 0 },
      ...{ members: new Map(), messages: [], joinedPos: 0, readSeq: 0, readNo: 0, no: 0, pinned: false },
      ...{ dissolvedAt: null, left: undefined },
    };
    this.rooms.set(room.id, room);
    this.join(room, uids);
    return room;
  }

  join(room: ModelRoom, wanted: readonly number[]): void {
    const uids = [...new Set(wanted)].filter((uid) => !room.members.has(uid));
    if (uids.length === 0 || room.dissolvedAt !== null) return;
    const joinedAt = this.#pos + 1;
    for (const uid of uids)
      room.members.set(uid, {
        ...{ role: room.members.size === 0 ? 1 : 3, joinedAt, mutedUntil: null, readSeq: room.seq + 1 },
      });
    const data = { roomId: room.id, uid: uids[0], uids, changeType: ChangeType.joined, joinedAt };
    const pos = this.#inRoom(room, Push.MEMBER_CHANGE, data);
    if (!uids.includes(ME)) return;
    // What the reader missed does not count as unread.
    Object.assign(room, { joinedPos: pos, readSeq: room.seq, readNo: room.no, left: undefined });
    this.#forReader(Push.MEMBER_CHANGE, { ...data, seq: room.seq });
  }

  leave(room: ModelRoom, uid: number): void {
    if (!room.members.has(uid) || room.dissolvedAt !== null) return;
    const wasIn = this.isIn(room);
    room.members.delete(uid);
    const data = { roomId: room.id, uid, changeType: ChangeType.left };
    if (uid === ME) {
      room.seq += 1;
      room.left = { ...this.view(room), role: null };
      room.seq -= 1;
    }
    this.#inRoom(room, Push.MEMBER_CHANGE, data, wasIn);
    if (uid === ME) this.#forReader(Push.MEMBER_CHANGE, { ...data, seq: room.seq });
  }

  say(
    room: ModelRoom,
    uid: number,
    { quotes = null, isHidden = false }: { quotes?: number | null; isHidden?: boolean },
  ): void {
    if (!room.members.has(uid) || room.dissolvedAt !== null || this.#banned.has(uid)) return;
    // A message that everybody sees cannot quote one that only its sender may see.
    const isThere = quotes !== null && room.messages.some((one) => one.message.message.id === quotes && !one.isHidden);
    const id = this.#pos + 1;
    const message: Message = {
      fromUser: { uid },
      message: {
        ...{ id, roomId: room.id, sendTime: id, type: 1, seq: room.seq + (isHidden ? 0 : 1), clientId: `c${id}` },
        no: isHidden ? null : room.no + 1,
        body: { content: `text ${id}`, urlContentMap: {}, atUidList: [], reply: null },
        messageMark: { likeCount: 0, userLike: 0, dislikeCount: 0, userDislike: 0 },
      },
    };
    room.messages.push({ message, quotes: isThere ? quotes : null, isHidden, likes: new Set() });
    if (!isHidden) room.no += 1;
    if (uid === ME) Object.assign(room, { readSeq: Math.max(room.readSeq, message.message.seq), readNo: room.no });
    const author = room.members.get(uid);
    if (author && !isHidden) author.readSeq = message.message.seq;
    const shown = this.#shown(room, room.messages.length - 1, true) as Message;
    if (isHidden) this.#forReader(Push.MESSAGE, shown);
    else this.#inRoom(room, Push.MESSAGE, shown);
  }

  recall(room: ModelRoom, at: number): void {
    const one = room.messages[at];
    if (!one || one.message.message.type === 2 || room.dissolvedAt !== null) return;
    const { uid } = one.message.fromUser;
    // An administrator recalls what a banned person wrote.
    const [recallUid, body] = this.#banned.has(uid) ? [ADMINISTRATOR, RECALLED_FOR_THEM] : [uid, RECALLED];
    one.message = { ...one.message, message: { ...one.message.message, type: 2, body } };
    const data = { msgId: one.message.message.id, roomId: room.id, recallUid };
    if (one.isHidden) this.#forReader(Push.RECALL, data);
    else this.#inRoom(room, Push.RECALL, data);
  }

  like(room: ModelRoom, at: number, uid: number): void {
    const one = room.messages[at];
    if (!one || one.message.message.type === 2 || room.dissolvedAt !== null || !room.members.has(uid)) return;
    if (one.isHidden && uid !== ME) return;
    const isSet = !one.likes.delete(uid);
    if (isSet) one.likes.add(uid);
    const change = {
      uid,
      msgId: one.message.message.id,
      markType: 1,
      markCount: one.likes.size,
      actType: isSet ? 1 : 2,
    };
    if (one.isHidden) this.#forReader(Push.MARK, { markList: [change] });
    else this.#inRoom(room, Push.MARK, { markList: [change] });
  }

  rename(uid: number, name: string): void {
    this.names.set(uid, name);
    this.frames.push({ pos: this.#pos, push: frame(Push.USER, { uid, name, avatar: "", power: 0, createdAt: 1 }) });
  }

  /** Bans a person, or lifts the ban: what they wrote is hidden everywhere until then. */
  ban(uid: number): void {
    const isOver = this.#banned.delete(uid);
    if (!isOver) this.#banned.add(uid);
    this.#pos += 1;
    const push = frame(isOver ? Push.UNBLACK : Push.BLACK, { uid }, { stream: "all", seq: this.#pos });
    this.frames.push({ pos: this.#pos, push });
  }

  /** Sends a notification to the reader alone, or to everybody. */
  notify({ expiresAt = 1_000_000, stream = `user:${ME}` } = {}): number {
    this.#pos += 1;
    const id = this.#pos;
    const said = { id, kind: "k", title: `title ${id}`, text: "text", at: id, expiresAt };
    const more = { link: null, data: null, seen: false, read: false, archived: false, done: false };
    this.notifications = [{ ...said, ...more }, ...this.notifications];
    this.frames.push({ pos: id, push: frame(Push.NOTIFICATION, said, { stream, seq: id }) });
    return id;
  }

  /** The product takes a notification back. */
  takeBack(id: number): void {
    this.#pos += 1;
    this.notifications = this.notifications.filter((one) => one.id !== id);
    const place = { stream: `user:${ME}`, seq: this.#pos };
    this.frames.push({ pos: this.#pos, push: frame(Push.NOTIFICATION, { id, removed: true }, place) });
  }

  change(room: ModelRoom, name: string): void {
    if (room.userId !== null || room.dissolvedAt !== null) return;
    room.name = name;
    this.#inRoom(room, Push.ROOM, { roomId: room.id, name });
  }

  dissolve(room: ModelRoom): void {
    if (room.dissolvedAt !== null || room.userId !== null) return;
    const wasIn = this.isIn(room);
    room.dissolvedAt = this.#pos + 1;
    this.#inRoom(room, Push.ROOM, { roomId: room.id, dissolved: true, dissolvedAt: room.dissolvedAt }, wasIn);
  }

  mute(room: ModelRoom, uid: number): void {
    const member = room.members.get(uid);
    if (!member || room.dissolvedAt !== null) return;
    member.mutedUntil = this.#pos + 1;
    this.#inRoom(room, Push.MEMBER_UPDATE, { roomId: room.id, uid, mutedUntil: member.mutedUntil });
  }

  /** The reader reads the room on another device. */
  read(room: ModelRoom): void {
    if (!this.isIn(room) || room.readSeq === room.seq) return;
    Object.assign(room, { readSeq: room.seq, readNo: room.no });
    this.#forReader(Push.SELF, { roomId: room.id, readSeq: room.seq, unread: 0 });
  }

  /** Somebody else reads the room, which is not logged. */
  readBy(room: ModelRoom, uid: number): void {
    const member = room.members.get(uid);
    if (!member || uid === ME || !this.isIn(room)) return;
    member.readSeq = room.seq;
    const reads = [{ uid, seq: room.seq }];
    this.frames.push({ pos: this.#pos, push: frame(Push.READ, { roomId: room.id, reads }) });
  }

  pin(room: ModelRoom): void {
    if (!this.isIn(room)) return;
    room.pinned = !room.pinned;
    this.#forReader(Push.SELF, { roomId: room.id, pinned: room.pinned });
  }

  // From here on: what HTTP shows.

  list(): Conversation[] {
    return this.mine.sort((a, b) => this.activity(b.id) - this.activity(a.id)).map((room) => this.line(room));
  }

  activity(roomId: number): number {
    const room = this.rooms.get(roomId) as ModelRoom;
    return Math.max(room.joinedPos, this.#newest(room)?.message.id ?? 0);
  }

  line(room: ModelRoom): Conversation {
    const at = room.messages.findLastIndex(({ isHidden }) => !isHidden);
    return {
      ...this.view(room),
      lastMessage: at < 0 ? null : this.#shown(room, at),
      unread: room.no - room.readNo,
      readSeq: room.readSeq,
      pinned: room.pinned,
      muted: false,
    };
  }

  view(room: ModelRoom): Room {
    if (room.left) return room.left;
    const name = room.userId === null ? room.name : (this.names.get(room.userId) as string);
    const { id, userId, seq, dissolvedAt } = room;
    const role = room.members.get(ME)?.role ?? null;
    const more = { avatar: "", notice: "", ownerId: null, managed: false, muteAll: false, history: "all" as const };
    return { id, type: userId ? 2 : 1, name, memberCount: room.members.size, seq, role, userId, dissolvedAt, ...more };
  }

  members(room: ModelRoom): Member[] {
    const entries = [...room.members].sort(([a], [b]) => a - b);
    return entries.map(([uid, member]) => ({
      ...{ uid, role: member.role, joinedAt: member.joinedAt, mutedUntil: member.mutedUntil },
      ...{ name: this.names.get(uid) as string, avatar: "" },
      ...{ activeStatus: null, lastOptTime: null },
    }));
  }

  /** How far people have read the room, of those who were in it when a message was sent. */
  receipts(messageId: number): { place: number; items: { uid: number; seq: number }[] } {
    const room = [...this.rooms.values()].find(({ messages }) =>
      messages.some(({ message }) => message.message.id === messageId),
    ) as ModelRoom;
    if (!this.isIn(room)) throw Object.assign(new Error("forbidden"), { code: "forbidden" });
    const one = room.messages.find(({ message }) => message.message.id === messageId) as ModelRoom["messages"][number];
    const there = [...room.members].filter(([uid, { joinedAt }]) => uid !== ME && joinedAt <= messageId);
    const items = there.map(([uid, { readSeq }]) => ({ uid, seq: readSeq })).sort((a, b) => a.uid - b.uid);
    return { place: one.message.message.seq + (one.isHidden ? 1 : 0), items };
  }

  messages(room: ModelRoom): Message[] {
    const upTo = room.left?.seq ?? Number.POSITIVE_INFINITY;
    return room.messages.map((_, at) => this.#shown(room, at)).filter(({ message }) => message.seq <= upTo);
  }

  #newest(room: ModelRoom): Message | undefined {
    return room.messages.findLast(({ isHidden }) => !isHidden)?.message;
  }

  /** @param isPush the reader's own marks are not in pushes */
  #shown(room: ModelRoom, at: number, isPush = false): Message {
    const { message, quotes, likes } = room.messages[at] as ModelRoom["messages"][number];
    const messageMark = {
      likeCount: likes.size,
      userLike: likes.has(ME) && !isPush ? (1 as const) : (0 as const),
      ...{ dislikeCount: 0, userDislike: 0 as const },
    };
    const quoted =
      quotes === null ? undefined : room.messages.find((one) => one.message.message.id === quotes)?.message;
    const { body } = message.message;
    const isHiddenOf = ({ fromUser, message: { type } }: Message) => this.#banned.has(fromUser.uid) && type !== 2;
    if (isHiddenOf(message))
      return { ...message, message: { ...message.message, messageMark, type: 2, body: HIDDEN_TEXT } };
    if (typeof body === "string" || !quoted) return { ...message, message: { ...message.message, messageMark } };
    const { uid } = quoted.fromUser;
    const notice = isHiddenOf(quoted) ? HIDDEN_TEXT : quoted.message.body;
    const reply = {
      ...{
        id: quoted.message.id,
        uid,
        username: this.names.get(uid) as string,
        type: typeof notice === "string" ? 2 : 1,
      },
      body: typeof notice === "string" ? notice : "quoted",
      ...{ canCallback: 1 as const, gapCount: 1 },
    };
    const quoting = { ...message.message, messageMark, body: { ...body, reply } };
    return { ...message, message: quoting as Message["message"] };
  }

  #inRoom(room: ModelRoom, type: number, data: object, isRead = this.isIn(room)): number {
    this.#pos += 1;
    room.seq += 1;
    const push = frame(type, data, { stream: `room:${room.id}`, seq: room.seq });
    if (isRead) this.frames.push({ pos: this.#pos, push });
    return this.#pos;
  }

  #forReader(type: number, data: object): void {
    this.#pos += 1;
    this.#own += 1;
    this.frames.push({ pos: this.#pos, push: frame(type, data, { stream: `user:${ME}`, seq: this.#own }) });
  }
}

/** The frame as it comes over the wire: nothing in it is shared with the model. */
function frame(type: number, data: object, place?: { stream: string; seq: number }): AnyPush {
  return { name: undefined, type, data: structuredClone(data), stream: place?.stream, seq: place?.seq };
}
