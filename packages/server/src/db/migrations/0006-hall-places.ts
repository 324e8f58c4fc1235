import { type Kysely, sql } from "kysely";

const HALL = 1;
const PAGE = 5000;

/**
 * Everybody gets a place in the hall: new accounts get one at once; until now it was computed from the account's creation time until it was
 * stored. What was said before that time counts as read. Messages and accounts are gone through side by side, each once.
 */
export async function hallPlaces(db: Kysely<unknown>): Promise<void> {
  const messages = messagesOf(db);
  let next = (await messages.next()).value;
  let readSeq = 0;
  let readNo = 0;
  for await (const { uid, madeAt } of placeless(db)) {
    while (next && next.sentAt < madeAt) {
      readSeq = next.seq;
      readNo = next.no;
      next = (await messages.next()).value;
    }
    await sql`insert into room_reads (uid, room_id, read_seq, read_no, read_at)
      values (${uid}, ${HALL}, ${readSeq}, ${readNo}, ${madeAt})`.execute(db);
  }
}

/** Accounts without a place, the oldest first. */
async function* placeless(db: Kysely<unknown>): AsyncGenerator<{ uid: number; madeAt: number }, undefined> {
  let after = { uid: 1, madeAt: -1 };
  for (;;) {
    const { rows } = await sql<{ uid: number; madeAt: number }>`select uid, created_at as "madeAt" from users
      where (created_at, uid) > (${after.madeAt}, ${after.uid}) and uid > 1
      and not exists (select 1 from room_reads where room_reads.uid = users.uid and room_id = ${HALL})
      order by created_at, uid limit ${PAGE}`.execute(db);
    yield* rows;
    const last = rows.at(-1);
    if (!last) return;
    after = last;
  }
}

/** What was said in the hall and makes a red dot, the oldest first. */
async function* messagesOf(
  db: Kysely<unknown>,
): AsyncGenerator<{ seq: number; no: number; sentAt: number }, undefined> {
  let after = 0;
  for (;;) {
    const { rows } = await sql<{
      seq: number;
      no: number;
      sentAt: number;
    }>`select seq, no, sent_at as "sentAt" from messages
      where room_id = ${HALL} and no is not null and seq > ${after} order by seq limit ${PAGE}`.execute(db);
    yield* rows;
    const last = rows.at(-1);
    if (!last) return;
    after = last.seq;
  }
}
