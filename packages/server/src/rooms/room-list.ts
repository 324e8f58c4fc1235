import { HALL_ROOM_ID, LIMITS, type Message, roomStream } from "@parley/protocol";
import { type Kysely, sql } from "kysely";
import { textList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import type { ShownMessage } from "../event-log/text-changes.ts";
import { countWithin } from "../lib/count-within.ts";
import { SIZES } from "../limits/sizes.ts";
import { cut } from "./page.ts";
import { isReadable, type ReadableRoom, type Window } from "./reading.ts";
import { type ConversationView, viewsOf } from "./room-view.ts";
import { type Actor, hallMembership, type RoomRow } from "./rooms.ts";
import type { RoomsContext } from "./rooms-context.ts";

interface Listed {
  readonly room: RoomRow;
  readonly role: ReadableRoom["role"];
  readonly window: Window;
  readonly readSeq: number;
  readonly readNo: number;
  readonly pinned: boolean;
  readonly muted: boolean;
  /** Position of the newest message, or of joining if that is later: the order of the list. */
  readonly activity: number;
}

/** A user's rooms, newest activity first; the number of queries does not depend on their number. */
export async function conversations(
  context: Pick<RoomsContext, "hall" | "hallCount" | "messageTexts">,
  db: Kysely<Schema>,
  asked: {
    actor: Actor;
    before: number | undefined;
    limit: number;
    now: number;
    shows: (message: ShownMessage) => void;
  },
): Promise<{ items: ConversationView[]; nextCursor: string | null }> {
  const { actor, before, limit, now, shows } = asked;
  const mine = await joinedRooms(db, asked);
  const hall = context.hall.access === "off" ? undefined : await hallOf(db, actor);
  const listed = hall && (before === undefined || hall.activity < before) ? [...mine, hall] : mine;
  listed.sort((a, b) => b.activity - a.activity);
  const { items, nextCursor } = cut(listed, limit, (last) => last.activity);
  const seqs = await headsOf(db, items);
  const shown = items.map(({ room, role, window }) => ({
    room: { ...room, seq: seqs.get(roomStream(room.id)) ?? 0 },
    role,
    window,
  }));
  const views = await viewsOf(db, shown, { uid: actor.uid, hallCount: context.hallCount, now });
  const texts = await lastMessages(context, db, { items, reader: actor.uid, shows });
  const last = items[texts.length - 1];
  return {
    nextCursor: last && texts.length < items.length ? String(last.activity) : nextCursor,
    items: items.slice(0, texts.length).map((item, index) => ({
      ...(views[index] as ConversationView),
      lastMessage: shownTo(item.window, texts[index]),
      unread: item.room.no - item.readNo,
      readSeq: item.readSeq,
      pinned: item.pinned,
      muted: item.muted,
    })),
  };
}

async function joinedRooms(
  db: Kysely<Schema>,
  { actor, before, limit }: { actor: Actor; before: number | undefined; limit: number },
): Promise<Listed[]> {
  const activity = sql<number>`case when rooms.last_message_id > members.joined_pos
    then rooms.last_message_id else members.joined_pos end`;
  let query = db
    .selectFrom("members")
    .innerJoin("rooms", "rooms.id", "members.room_id")
    .leftJoin("room_reads", (join) =>
      join.onRef("room_reads.room_id", "=", "rooms.id").onRef("room_reads.uid", "=", "members.uid"),
    )
    .selectAll("rooms")
    .select(["members.role", "members.from_seq as fromSeq"])
    .select(["room_reads.read_seq as readSeq", "room_reads.read_no as readNo", activity.as("activity")])
    .select(["room_reads.pinned", "room_reads.muted"])
    .where("members.uid", "=", actor.uid)
    .where("members.untold", "=", 0)
    .where("members.left_seq", "is", null)
    .where("rooms.dissolved_at", "is", null);
  if (before !== undefined) query = query.where(activity, "<", before);
  const rows = await query
    .orderBy(activity, "desc")
    .limit(limit + 1)
    .execute();
  return rows.map(({ role, fromSeq, readSeq, readNo, pinned, muted, activity: newest, ...room }) => ({
    room: { ...room, seq: 0 },
    role,
    window: { fromSeq, leftSeq: null },
    readSeq: readSeq ?? 0,
    readNo: readNo ?? 0,
    pinned: pinned === 1,
    muted: muted === 1,
    activity: newest,
  }));
}

async function hallOf(db: Kysely<Schema>, actor: Actor): Promise<Listed> {
  const { readSeq, readNo, pinned, muted, ...room } = await db
    .selectFrom("rooms")
    .leftJoin("room_reads", (join) =>
      join.onRef("room_reads.room_id", "=", "rooms.id").on("room_reads.uid", "=", actor.uid),
    )
    .selectAll("rooms")
    .select(["read_seq as readSeq", "read_no as readNo", "pinned", "muted"])
    .where("rooms.id", "=", HALL_ROOM_ID)
    .executeTakeFirstOrThrow();
  const { role, ...window } = hallMembership(actor);
  const activity = room.last_message_id ?? 0;
  const own = { readSeq: readSeq ?? 0, readNo: readNo ?? 0, pinned: pinned === 1, muted: muted === 1 };
  return { room: { ...room, seq: 0 }, role, window, ...own, activity };
}

async function headsOf(db: Kysely<Schema>, items: readonly Listed[]): Promise<Map<string, number>> {
  const names = items.map(({ room }) => roomStream(room.id) as string);
  const rows = await db
    .selectFrom("streams")
    .select(["stream", "seq"])
    .where("stream", "in", textList(names))
    .execute();
  return new Map(rows.map(({ stream, seq }) => [stream, seq]));
}

/** Rooms whose newest messages are read together. */
const ROOMS_AT_ONCE = LIMITS.pageDefault;

/** The text of each room's newest message, undefined if there is none; if they are long, only of the first rooms. */
async function lastMessages(
  { messageTexts }: Pick<RoomsContext, "messageTexts">,
  db: Kysely<Schema>,
  { items, ...to }: { items: readonly Listed[]; reader: number; shows: (message: ShownMessage) => void },
): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = [];
  for (let left: number = SIZES.pageTexts.count; left > 0 && found.length < items.length; ) {
    const ids = items.slice(found.length, found.length + ROOMS_AT_ONCE).map(({ room }) => room.last_message_id ?? 0);
    const byId = await messageTexts(db, { ids, ...to });
    const texts = ids.map((id) => byId.get(id));
    const lengths = texts.map((text = "") => text.length);
    const count = countWithin(lengths, left);
    found.push(...texts.slice(0, count));
    left = count < texts.length ? 0 : left - lengths.reduce((sum, length) => sum + length, 0);
  }
  return found;
}

/** The newest message, unless it is one that the member may not read. */
function shownTo(window: Window, text: string | undefined): Message | null {
  const message = text === undefined ? undefined : (JSON.parse(text) as Message);
  return message && isReadable(window, message.message.seq) ? message : null;
}
