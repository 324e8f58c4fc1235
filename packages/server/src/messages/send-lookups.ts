import { HALL_ROOM_ID, roomStream, SYSTEM_UID, userStream } from "@parley/protocol";
import { type Kysely, sql } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows, numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { knowHeads } from "../event-log/stream-heads.ts";
import type { Ban } from "../identity/banned.ts";
import { findMemberships } from "../rooms/member-lookups.ts";
import { type Actor, type Membership, otherIn } from "../rooms/rooms.ts";
import { blocksAmong, bothWays, friendsAmong, type Ties } from "../ties/ties.ts";
import type { MessageKinds } from "./kinds/kinds.ts";
import type { QuotedRow } from "./message-json.ts";
import { messageTexts } from "./message-rows.ts";

/** A message to send, as checked by the protocol's schema. Whether the hall takes it has been checked (`message-actions.ts`). */
export interface SendInput {
  readonly actor: Actor;
  readonly roomId: number;
  readonly clientId: string;
  /** The server key that sends it in the actor's name: then `clientId` is the key's own. */
  readonly keyId?: number;
  /** Of its kind, which has made `stored` of what was sent. */
  readonly type: number;
  readonly stored: object;
  /** What `stored` would be as the client sent it, where the product has changed it: the digest is of this. */
  readonly sent?: object;
  readonly replyTo: number | null;
  /** People, or `EVERYBODY` alone. */
  readonly mentions: readonly number[];
  readonly visibleTo: Visibility;
  /** Whether people write in direct rooms with friends only. */
  readonly friendsOnly?: boolean;
}

/** A message is visible to everybody in the room, or only to its sender, to whom it looks like any other. */
export type Visibility = "room" | "sender";

/**
 * What a batch of sends has to know. One query reads each kind of it, whatever the number of sends, senders and rooms.
 */
export interface SendLookups {
  /** Messages already sent with one of the client ids. Key: `senderKey`. */
  readonly earlier: ReadonlyMap<string, { id: number; requestHash: string | null }>;
  /** How they are shown to their senders, by id. */
  readonly earlierTexts: ReadonlyMap<number, string>;
  readonly rooms: ReadonlyMap<number, SendRoom>;
  /** Memberships of senders and of people who are mentioned; none for the hall. Key: `memberKey`. */
  readonly memberships: ReadonlyMap<string, Membership>;
  /** People who are mentioned in the hall. */
  readonly people: ReadonlySet<number>;
  readonly quoted: ReadonlyMap<number, QuotedMessage>;
  /** Senders who were banned since they asked. */
  readonly banned: ReadonlyMap<number, Ban>;
  /** Of the two people of each direct room: who has blocked whom, and where it matters who are friends. */
  readonly blocks: Ties;
  readonly friends: Ties;
}

export interface SendRoom {
  readonly id: number;
  readonly no: number;
  readonly mute_all: 0 | 1;
  readonly dissolved_at: number | null;
  /** Of a direct room. */
  readonly direct_key: string | null;
  /** How many members do not know that they are in. */
  readonly untold: number;
}

export interface QuotedMessage extends QuotedRow {
  readonly roomId: number;
  readonly seq: number;
  /** Null if it makes no dot, as a notice of the system. If only its sender may see it: the number of the message before it. */
  readonly no: number | null;
  readonly senderOnly: 0 | 1;
}

/** Whose `clientId` it is: the sender's, or their server key's. */
export function senderKey({ actor, keyId, clientId }: Pick<SendInput, "actor" | "keyId" | "clientId">): string {
  return keyId === undefined ? `${actor.uid} ${clientId}` : keyKey(keyId, clientId);
}

function keyKey(keyId: number, clientId: string): string {
  return `key ${keyId} ${clientId}`;
}

/** Two ways to the database and back, whatever is asked. */
export async function lookUp(
  tx: WriteTransaction,
  inputs: readonly SendInput[],
  kinds: MessageKinds,
): Promise<SendLookups> {
  const { db } = tx;
  const asked = inputs.flatMap(({ roomId, actor, mentions }) => {
    return [actor.uid, ...mentions].map((uid) => ({ roomId, uid }));
  });
  const [earlier, rooms, memberships, people, quoted, banned] = await Promise.all([
    earlierOf(db, inputs),
    roomsOf(db, inputs),
    findMemberships(db, asked),
    peopleOf(db, inputs),
    quotedOf(db, inputs),
    bannedOf(db, inputs),
    knowHeads(tx, streamsOf(inputs)),
  ]);
  const ids = [...earlier.values()].map(({ id }) => id);
  const [ties, earlierTexts] = await Promise.all([
    tiesOf(db, inputs, rooms),
    messageTexts(db, { ids, reader: "sender" }, kinds),
  ]);
  return { earlier, earlierTexts, rooms, memberships, people, quoted, banned, ...ties };
}

/** Where the messages are logged; those that only their senders may see get the room's seq too. */
function streamsOf(inputs: readonly SendInput[]): string[] {
  return inputs.flatMap(({ roomId, actor: { uid }, visibleTo }) => {
    return visibleTo === "room" ? [roomStream(roomId)] : [roomStream(roomId), userStream(uid)];
  });
}

async function earlierOf(db: Kysely<Schema>, inputs: readonly SendInput[]): Promise<SendLookups["earlier"]> {
  const keyed = inputs.flatMap(({ keyId, clientId }) => (keyId === undefined ? [] : [{ keyId, clientId }]));
  const asked = inputs.flatMap(({ actor, keyId, clientId }) => (keyId === undefined ? [[actor.uid, clientId]] : []));
  const rows = asked.length === 0 ? [] : await sentBefore(db, asked);
  const byPeople = rows.map(({ uid, clientId, ...message }) => {
    return [senderKey({ actor: { uid, power: 0 }, clientId }), message] as const;
  });
  return new Map([...byPeople, ...(await earlierOfKeys(db, keyed))]);
}

/** Messages that server keys have sent already. */
export async function earlierOfKeys(
  db: Kysely<Schema>,
  asked: readonly { readonly keyId: number; readonly clientId: string }[],
): Promise<SendLookups["earlier"]> {
  if (asked.length === 0) return new Map();
  const rows = await sentByKeyBefore(
    db,
    asked.map(({ keyId, clientId }) => [keyId, clientId]),
  );
  return new Map(rows.map(({ keyId, clientId, ...message }) => [keyKey(keyId, clientId), message]));
}

const sentByKeyBefore = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ key_id: "number", client_id: "text" }, asked).as("asked"))
    .innerJoin("messages", (join) =>
      join
        .onRef("messages.key_id", "=", "asked.key_id")
        .onRef("messages.key_client_id", "=", "asked.client_id")
        // The index has these only.
        .on("messages.key_id", "is not", null),
    )
    .select(["messages.id", "messages.request_hash as requestHash"])
    .select(["asked.key_id as keyId", "asked.client_id as clientId"]),
);

const sentBefore = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ uid: "number", client_id: "text" }, asked).as("asked"))
    .innerJoin("messages", (join) =>
      join.onRef("messages.uid", "=", "asked.uid").onRef("messages.client_id", "=", "asked.client_id"),
    )
    .select(["messages.id", "messages.request_hash as requestHash", "asked.uid", "asked.client_id as clientId"]),
);

async function roomsOf(db: Kysely<Schema>, inputs: readonly SendInput[]): Promise<SendLookups["rooms"]> {
  const ids = new Set(inputs.map(({ roomId }) => roomId));
  const rows = await roomsById(db, [...ids]);
  return new Map(rows.map((room) => [room.id, room]));
}

const roomsById = prepared((db, ids) =>
  db
    .selectFrom("rooms")
    .select(["id", "no", "mute_all", "dissolved_at", "direct_key", "untold"])
    .where("id", "in", numberList(ids)),
);

/** Costs nothing where nobody writes in a direct room. */
async function tiesOf(
  db: Kysely<Schema>,
  inputs: readonly SendInput[],
  rooms: SendLookups["rooms"],
): Promise<Pick<SendLookups, "blocks" | "friends">> {
  const directs = inputs.flatMap(({ roomId, actor: { uid }, friendsOnly }) => {
    const other = otherIn(rooms.get(roomId)?.direct_key ?? null, uid);
    return other === undefined ? [] : [{ pair: [uid, other] as const, friendsOnly }];
  });
  const both = bothWays(directs.map(({ pair }) => pair));
  const strict = directs.flatMap(({ pair, friendsOnly }) => (friendsOnly ? [pair] : []));
  const [blocks, friends] = await Promise.all([blocksAmong(db, both), friendsAmong(db, strict)]);
  return { blocks, friends };
}

async function peopleOf(db: Kysely<Schema>, inputs: readonly SendInput[]): Promise<SendLookups["people"]> {
  const asked = inputs.flatMap(({ roomId, mentions }) => (roomId === HALL_ROOM_ID ? mentions : []));
  if (asked.length === 0) return new Set();
  const rows = await db
    .selectFrom("users")
    .select("uid")
    .where("uid", "in", numberList(asked))
    .where("uid", "!=", SYSTEM_UID)
    .where("deleted_at", "is", null)
    .execute();
  return new Set(rows.map(({ uid }) => uid));
}

async function quotedOf(db: Kysely<Schema>, inputs: readonly SendInput[]): Promise<SendLookups["quoted"]> {
  const ids = inputs.flatMap(({ replyTo }) => (replyTo === null ? [] : [replyTo]));
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom("messages")
    .innerJoin("users", "users.uid", "messages.uid")
    .leftJoin("bans", "bans.uid", "messages.uid")
    .select([
      "messages.id",
      "room_id as roomId",
      "seq",
      "messages.uid",
      "users.name",
      "type",
      "body",
      "bans.id as banId",
    ])
    .select(["recalled_by as recalledBy", "sender_only as senderOnly"])
    .select(sql<number | null>`case when sender_only = 0 then no else ${numberBefore} end`.as("no"))
    .where("messages.id", "in", numberList(ids))
    .execute();
  return new Map(rows.map(({ banId, ...message }) => [message.id, { ...message, authorBanned: banId !== null }]));
}

/** A send that waited while its sender was banned would be pushed to everybody behind BLACK. */
async function bannedOf(db: Kysely<Schema>, inputs: readonly SendInput[]): Promise<SendLookups["banned"]> {
  const rows = await bansOf(db, [...new Set(inputs.map(({ actor }) => actor.uid))]);
  return new Map(rows.map(({ uid, ...ban }) => [uid as number, ban]));
}

const bansOf = prepared((db, uids) =>
  db.selectFrom("bans").select(["uid", "until", "reason"]).where("uid", "in", numberList(uids)),
);

const numberBefore = sql`coalesce((select earlier.no from messages as earlier
  where earlier.room_id = messages.room_id and earlier.sender_only = 0 and earlier.seq <= messages.seq and earlier.no is not null
  order by earlier.seq desc limit 1), 0)`;
