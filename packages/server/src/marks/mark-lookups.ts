import type { MarkChange } from "@parley/protocol";
import type { Kysely } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows, numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { findMemberships } from "../rooms/member-lookups.ts";
import { type Actor, type HallRules, type Membership, otherIn } from "../rooms/rooms.ts";
import { blocksAmong, bothWays, type Ties } from "../ties/ties.ts";

/** What somebody wants of their mark on a message. */
export interface MarkWanted extends Pick<MarkChange, "markType" | "actType"> {
  readonly messageId: number;
}

export interface MarkInput extends MarkWanted {
  readonly actor: Actor;
  readonly hall: HallRules;
}

export interface MarkedMessage {
  readonly id: number;
  readonly roomId: number;
  readonly seq: number;
  readonly uid: number;
  readonly senderOnly: 0 | 1;
  readonly recalledAt: number | null;
  readonly dissolvedAt: number | null;
  /** Of a direct room. */
  readonly directKey: string | null;
  readonly likes: number;
  readonly dislikes: number;
}

/** What a batch has to know; one query reads each kind of it. */
export interface MarkLookups {
  readonly messages: ReadonlyMap<number, MarkedMessage>;
  /** Key: `memberKey`. */
  readonly memberships: ReadonlyMap<string, Membership>;
  /** The marks that the people who ask have on these messages, and in direct rooms the other ones. Key: `markKey`. */
  readonly marks: ReadonlyMap<string, 1 | 2>;
  /** What the same people have for their marks where nobody else may see it; 0: none. */
  readonly hidden: ReadonlyMap<string, 0 | 1 | 2>;
  /** Of the two people of each direct room: who has blocked whom. */
  readonly blocks: Ties;
}

/** Of one person's mark on one message. */
export function markKey(uid: number, messageId: number): string {
  return `${uid} ${messageId}`;
}

/** Three queries, whatever the number of marks, and two more where some are in direct rooms. */
export async function lookUp(db: Kysely<Schema>, inputs: readonly MarkInput[]): Promise<MarkLookups> {
  const messages = await messagesOf(db, inputs);
  const members = inputs.flatMap(({ actor: { uid }, messageId }) => {
    const message = messages.get(messageId);
    return message ? [{ roomId: message.roomId, uid }] : [];
  });
  const asked = inputs.map(({ actor: { uid }, messageId }): Asked => [uid, messageId]);
  const directs = directsAmong(asked, messages);
  const others = directs.map(({ other, messageId }): Asked => [other, messageId]);
  const [memberships, marks, hidden, blocks] = await Promise.all([
    findMemberships(db, members),
    marksOf(db, [...asked, ...others]),
    hiddenOf(db, [...directs.map(({ uid, messageId }): Asked => [uid, messageId]), ...others]),
    blocksAmong(db, bothWays(directs.map(({ uid, other }) => [uid, other]))),
  ]);
  return { messages, memberships, marks, hidden, blocks };
}

type Asked = readonly [uid: number, messageId: number];

/** Messages of direct rooms, each with the person who asks and the other one. */
function directsAmong(asked: readonly Asked[], messages: MarkLookups["messages"]) {
  return asked.flatMap(([uid, messageId]) => {
    const other = otherIn(messages.get(messageId)?.directKey ?? null, uid);
    return other === undefined ? [] : [{ uid, other, messageId }];
  });
}

async function messagesOf(db: Kysely<Schema>, inputs: readonly MarkInput[]): Promise<MarkLookups["messages"]> {
  const rows = await messagesById(db, [...new Set(inputs.map(({ messageId }) => messageId))]);
  return new Map(rows.map((message) => [message.id, message]));
}

const messagesById = prepared((db, ids) =>
  db
    .selectFrom("messages")
    .innerJoin("rooms", "rooms.id", "messages.room_id")
    .select(["messages.id", "messages.room_id as roomId", "messages.seq", "messages.uid", "messages.likes"])
    .select(["messages.dislikes", "messages.recalled_at as recalledAt", "messages.sender_only as senderOnly"])
    .select(["rooms.dissolved_at as dissolvedAt", "rooms.direct_key as directKey"])
    .where("messages.id", "in", numberList(ids)),
);

async function marksOf(db: Kysely<Schema>, asked: readonly Asked[]): Promise<MarkLookups["marks"]> {
  const rows = await markRows(db, asked);
  return new Map(rows.map(({ uid, messageId, type }) => [markKey(uid, messageId), type]));
}

async function hiddenOf(db: Kysely<Schema>, asked: readonly Asked[]): Promise<MarkLookups["hidden"]> {
  const rows = asked.length === 0 ? [] : await hiddenRows(db, asked);
  return new Map(rows.map(({ uid, messageId, type }) => [markKey(uid, messageId), type]));
}

const markRows = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ uid: "number", message_id: "number" }, asked).as("asked"))
    .innerJoin("marks", (join) =>
      join.onRef("marks.uid", "=", "asked.uid").onRef("marks.message_id", "=", "asked.message_id"),
    )
    .select(["marks.uid", "marks.message_id as messageId", "marks.type"]),
);

const hiddenRows = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ uid: "number", message_id: "number" }, asked).as("asked"))
    .innerJoin("hidden_marks", (join) =>
      join.onRef("hidden_marks.uid", "=", "asked.uid").onRef("hidden_marks.message_id", "=", "asked.message_id"),
    )
    .select(["hidden_marks.uid", "hidden_marks.message_id as messageId", "hidden_marks.type"]),
);
