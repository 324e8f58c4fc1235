import fc from "fast-check";
import type { PushData } from "../src/events.ts";
import type { StreamName } from "../src/ids.ts";
import { LIMITS } from "../src/limits.ts";
import { KIND_LENGTH } from "../src/message.ts";
import { type Message, MessageType, type TypedBody } from "../src/message-type.ts";
import type { User } from "../src/user-type.ts";

/**
 * Any data that each push may have, as its type says: a push without an entry here does not compile. Texts are any
 * text, lone surrogates, line breaks and quotation marks included.
 */
export const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const count = fc.nat();
const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
const bit = fc.constantFrom(0 as const, 1 as const);
const activeStatus = fc.constantFrom(1 as const, 2 as const);
/** Code units one by one, so that surrogates come alone too; with what ends a line somewhere among them. */
export const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", minLength: 1, maxLength: 3 }),
      fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit)),
      fc.constantFrom("\n", "\r", "\r\n", "\u0085", "\u2028", "\u2029", "\0", '"', "\\", "data:", "\n\n", "</script>"),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

const within = (min: number, max: number) => text.map((any) => Array.from(any).slice(0, max).join("").padEnd(min, "x"));
const name = within(1, LIMITS.nameCodePoints);

const kind = within(1, KIND_LENGTH).map((any) => any.slice(0, KIND_LENGTH));
/** Minus zero does not outlive JSON. */
const json = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)));

/** An object of which any of the `optional` fields may be absent. */
function partly<R extends object, O extends object>(
  required: { [K in keyof R]: fc.Arbitrary<R[K]> },
  optional: { [K in keyof O]-?: fc.Arbitrary<Exclude<O[K], undefined>> },
): fc.Arbitrary<R & Partial<O>> {
  const requiredKeys = Object.keys(required) as never;
  return fc.record({ ...required, ...optional }, { requiredKeys }) as unknown as fc.Arbitrary<R & Partial<O>>;
}

const reply = fc.record({
  id,
  uid: id,
  username: name,
  type: fc.constantFrom(...Object.values(MessageType)),
  body: text,
  canCallback: bit,
  gapCount: count,
});

const fields = fc.record({
  id,
  roomId: id,
  sendTime: time,
  messageMark: fc.record({ likeCount: count, userLike: bit, dislikeCount: count, userDislike: bit }),
  seq: id,
  no: fc.option(id),
  clientId: fc.option(within(1, LIMITS.clientIdLength).map((any) => any.slice(0, LIMITS.clientIdLength))),
});

const textBody = fc.record({
  content: text,
  urlContentMap: fc.dictionary(
    text.filter((key) => key !== "__proto__"),
    text,
    { maxKeys: 3, noNullPrototype: true },
  ),
  atUidList: fc.array(id, { maxLength: 5 }),
  reply: fc.option(reply),
});

const customBody = fc.record({
  kind,
  text,
  data: json,
  atUidList: fc.array(id, { maxLength: 5 }),
  reply: fc.option(reply),
});

const typedBody: fc.Arbitrary<TypedBody> = fc.oneof(
  fc.record({ type: fc.constant(MessageType.text), body: textBody }),
  fc.record({ type: fc.constant(MessageType.recalled), body: text }),
  fc.record({ type: fc.constant(MessageType.system), body: text }),
  fc.record({ type: fc.constant(MessageType.custom), body: customBody }),
);

export const message: fc.Arbitrary<Message> = fc.record({
  fromUser: fc.record({ uid: id }),
  message: fc.tuple(fields, typedBody).map(([one, body]) => ({ ...one, ...body })),
});

export const user: fc.Arbitrary<User> = fc.record({ uid: id, name, avatar: text, power: bit, createdAt: time });

export const pushData: { [T in keyof PushData]: fc.Arbitrary<PushData[T]> } = {
  1: fc.record({ loginUrl: text, expiresAt: time }),
  2: fc.constant(undefined),
  3: fc.record({ uid: id, name: text, avatar: text, token: text, power: bit }),
  4: message,
  5: fc.record({ changeList: fc.array(fc.record({ uid: id, activeStatus, lastOptTime: time })), onlineNum: count }),
  6: fc.constant(undefined),
  7: fc.record({ uid: id }),
  8: fc.record({
    markList: fc.array(
      fc.record({ uid: id, msgId: id, markType: activeStatus, markCount: count, actType: activeStatus }),
    ),
  }),
  9: fc.record({ msgId: id, roomId: id, recallUid: id }),
  10: fc.record({ uid: id, unreadCount: count }),
  11: partly(
    { roomId: id, uid: id, changeType: activeStatus },
    { uids: fc.array(id), activeStatus, lastOptTime: time, seq: id, joinedAt: time },
  ),
  100: partly({ code: text, message: text }, { requestType: fc.integer() }),
  101: partly(
    { connectionId: text, epoch: text, serverTime: time, heartbeatMs: count, idleMs: count, cursor: text },
    { tokenExpiresAt: time, loginExpiresAt: time },
  ),
  102: fc.oneof(
    partly(
      { id, kind, title: within(1, 200), text, at: time, expiresAt: time },
      { link: text, data: json, done: fc.constant(true as const) },
    ),
    partly(
      { id, kind, title: fc.constant(null), text: fc.constant(null), at: time, expiresAt: time },
      { done: fc.constant(true as const) },
    ),
    fc.record({ id, removed: fc.constant(true as const) }),
  ),
  103: fc.record({
    total: count,
    rooms: fc.array(fc.record({ roomId: id, unread: count })),
    friendRequests: count,
    notifications: count,
  }),
  104: fc.record({ roomId: id, reads: fc.array(fc.record({ uid: id, seq: count })) }),
  105: fc.record({ roomId: id, uid: id }),
  106: partly(
    { roomId: id },
    {
      name: text,
      avatar: text,
      notice: text,
      ownerId: fc.option(id, { nil: null }),
      muteAll: fc.boolean(),
      history: fc.constantFrom("all" as const, "joined" as const),
      dissolved: fc.boolean(),
      dissolvedAt: time,
    },
  ),
  107: fc.record({ retryAfterMs: count, cursor: text }),
  108: partly(
    { stream: text, why: fc.constantFrom("epoch" as const, "ahead" as const, "trimmed" as const, "far" as const) },
    { seq: count, cursor: text },
  ),
  109: partly(
    {},
    {
      ...{ roomId: id, readSeq: count, unread: count, pinned: fc.boolean(), muted: fc.boolean() },
      notificationsSeen: id,
      notificationsRead: partly({}, { upTo: id, ids: fc.array(id) }),
      notificationsArchived: fc.array(id),
      ...{ unseen: count, unreadNotifications: count, friendRequests: count },
    },
  ),
  110: message,
  111: partly(
    { uid: id, change: fc.constantFrom("requested", "accepted", "rejected", "withdrawn", "removed", "remark") },
    { requestId: id, roomId: id, remark: text },
  ),
  112: partly(
    { roomId: id, uid: id },
    { role: fc.constantFrom(1 as const, 2 as const, 3 as const), mutedUntil: fc.option(time) },
  ),
  114: user,
  115: partly({ cursor: text }, { live: fc.constant(true as const) }),
  116: fc.record({ uid: id }),
  117: fc.record({ kind, data: json }),
  118: fc.record({ expiresAt: time }),
};

export const stream: fc.Arbitrary<StreamName> = fc.oneof(
  fc.constant("all" as const),
  id.map((n) => `room:${n}` as const),
  id.map((n) => `user:${n}` as const),
);
