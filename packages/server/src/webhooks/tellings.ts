import { HALL_ROOM_ID, LIMITS, roomOfStream } from "@parley/protocol";
import type { StoredEvent } from "../event-log/log-reader.ts";
import type { Presence } from "../presence/presence.ts";
import { type ToldFrame, type ToldParts, toldFrames } from "./told-frames.ts";
import type { WebhookEvent } from "./webhook-form.ts";

export interface TellingParts extends ToldParts {
  /** Part of every id, since positions come again in a database that was restored. */
  readonly epoch: string;
  readonly presence: Pick<Presence, "isOnline">;
}

/** One thing that is sent to one address. */
export interface Telling {
  /** With the webhook's id it is the same for each try, and nothing else has it. */
  readonly id: string;
  readonly body: string;
}

/**
 * What an address is told of one event, each as it is when it is asked for; nothing where it does not want to hear of it, or what it would
 * hear of is gone.
 * @param wants the names of events that it wants
 */
export async function* tellingsOf(
  parts: TellingParts,
  event: StoredEvent,
  wants: (name: WebhookEvent) => boolean,
): AsyncGenerator<Telling> {
  const people = wants("message.offline") ? await awayFrom(parts, event) : [];
  // Last, so that the text is true in this turn of the loop.
  const [frame] = await toldFrames(parts, [event]);
  if (frame && wants(frame.name)) yield { id: `${parts.epoch}-${event.pos}`, body: frame.text };
  if (people.length === 0) return;
  // The address may have taken long to answer.
  const [waiting] = await toldFrames(parts, [event]);
  if (waiting && !isRecalled(waiting))
    yield { id: `${parts.epoch}-${event.pos}-offline`, body: offlineText(waiting, people) };
}

/** A message without its text is nothing to wake a telephone for. */
function isRecalled({ text }: ToldFrame): boolean {
  return (JSON.parse(text) as { data: { message: { type: number } } }).data.message.type === 2;
}

function offlineText({ event: { stream, seq, at }, text }: ToldFrame, users: readonly (string | number)[]): string {
  const message = text.slice(text.indexOf('"data":') + 7, -1);
  return `{"event":"message.offline","stream":"${stream}","seq":${seq},"at":${at},"data":{"message":${message},"users":${JSON.stringify(users)}}}`;
}

/**
 * The people for whom a message waits: members of its room without a connection, by the product's own id where they have one. Not its sender, nor people who have muted the
 * room; nobody of the hall, nor of a large room.
 */
async function awayFrom({ db, presence }: TellingParts, event: StoredEvent): Promise<(string | number)[]> {
  const roomId = roomOfStream(event.stream);
  if (roomId === undefined || roomId === HALL_ROOM_ID || event.messageId !== event.pos) return [];
  const most = LIMITS.presenceRoomMembers;
  const room = await db.selectFrom("rooms").select("member_count as count").where("id", "=", roomId).executeTakeFirst();
  if (!room || room.count > most) return [];
  const rows = await db
    .selectFrom("members")
    .innerJoin("users", "users.uid", "members.uid")
    .leftJoin("room_reads", (join) =>
      join.onRef("room_reads.uid", "=", "members.uid").onRef("room_reads.room_id", "=", "members.room_id"),
    )
    .select(["members.uid", "users.external_id as externalId"])
    .where("members.room_id", "=", roomId)
    .where("members.left_seq", "is", null)
    .where("members.joined_seq", "<", event.seq)
    .where((eb) => eb.or([eb("room_reads.muted", "is", null), eb("room_reads.muted", "=", 0)]))
    .where("members.uid", "!=", (eb) =>
      eb.selectFrom("messages").select("messages.uid").where("messages.id", "=", event.pos),
    )
    .orderBy("members.uid")
    .limit(most)
    .execute();
  return rows.flatMap(({ uid, externalId }) => (presence.isOnline(uid) ? [] : [externalId ?? uid]));
}
