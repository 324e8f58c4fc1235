import type { Kysely } from "kysely";
import { sql } from "kysely";
import { mayHoldOlderRows } from "../columns.ts";

/**
 * A membership becomes one window: where somebody joined last, and where they had left before that. What was logged while they were out
 * stood in `gaps`, of which those before `opened_seq` could be looked up over HTTP. Where a gap was closed, history begins with the
 * last joining from now on.
 */
export async function oneWindow(db: Kysely<unknown>): Promise<void> {
  await db.schema.dropIndex("members_windows").execute();
  await db.schema
    .alterTable("members")
    .addColumn("before_seq", "bigint", (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema
    .alterTable("members")
    .addColumn("before_pos", "bigint", (c) => c.notNull().defaultTo(0))
    .execute();

  if (mayHoldOlderRows(db)) await convert(db);

  for (const column of ["last_joined_seq", "last_joined_pos", "gaps", "opened_seq"]) {
    await db.schema.alterTable("members").dropColumn(column).execute();
  }
  await db.schema
    .createIndex("members_windows")
    .on("members")
    .columns(["uid", "room_id", "joined_seq", "joined_pos", "left_seq", "left_pos", "before_seq", "before_pos"])
    .execute();
}

async function convert(db: Kysely<unknown>): Promise<void> {
  // Those who came back: the last gap ends before the last joining and begins after the leaving. Without such a gap nothing was logged in between.
  await sql`update members set before_seq = coalesce(
      (select json_extract(value, '$[0]') - 1 from json_each(members.gaps)
        where json_extract(value, '$[1]') = members.last_joined_seq - 1),
      last_joined_seq - 1)
    where last_joined_seq > joined_seq`.execute(db);
  // The position of that leaving. Of one that was removed from the log only a later bound is known.
  await sql`update members set before_pos = coalesce(
      (select pos from events where stream = 'room:' || room_id and seq = before_seq),
      (select min(trimmed_pos, members.last_joined_pos - 1) from streams where stream = 'room:' || room_id),
      last_joined_pos - 1)
    where before_seq > 0`.execute(db);
  await sql`update members set from_seq = last_joined_seq
    where exists (select 1 from json_each(members.gaps) where json_extract(value, '$[0]') >= members.opened_seq)`.execute(
    db,
  );
  await sql`update members set joined_seq = last_joined_seq, joined_pos = last_joined_pos`.execute(db);
  await sql`update members set left_pos = null where left_seq is null`.execute(db);
}
