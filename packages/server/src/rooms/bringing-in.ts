import type { Kysely } from "kysely";
import { inList } from "../db/dialect.ts";
import type { Schema } from "../db/schema.ts";
import { nextTurn } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import type { LocalRate } from "../limits/local-rate.ts";
import type { Rates } from "../limits/rates.ts";
import type { Take } from "../limits/take-each.ts";
import type { Actor } from "./rooms.ts";
import type { RoomsContext } from "./rooms-context.ts";

type Bringing = Pick<RoomsContext, "db" | "rates" | "bringingIn">;

/** The people of one query: they are in some dozens of rooms, so it takes about a millisecond of everybody's thread. */
const ASKED_AT_ONCE = 100;

/** The people who are brought in, each once; the actor is in the room in any case. */
export function othersOf(actor: Pick<Actor, "uid">, memberIds: readonly number[]): number[] {
  const uids = new Set(memberIds);
  uids.delete(actor.uid);
  return [...uids];
}

/** The counts of bringing that many people into a room. */
export function peopleAdded(rates: Rates, { uid }: Pick<Actor, "uid">, uids: readonly number[]): Take[] {
  const amount = uids.length;
  return [
    { rate: rates.peopleAdded, key: uid, amount },
    { rate: rates.peopleAddedADay, key: uid, amount },
  ];
}

interface BringIn {
  readonly by: number;
  readonly uids: readonly number[];
  /** The room that they come into: an existing group, a new one, or their direct room. */
  readonly into: number | "group" | "direct";
}

/** The counts for one of the people who are brought in. */
interface Count {
  readonly rate: LocalRate;
  readonly key: number | string;
  readonly uid: number;
}

/**
 * Brings people into a room by `write`. For those who never shared a room with the person who does it, that counts as a room into which a
 * stranger brought them, and for the others as a group into which this person did; if the write fails, nothing is counted. The person's
 * next request waits until this is done, because then the people are no longer strangers.
 * @throws ProblemError `too_many_rooms`, naming the people who were brought into enough rooms today
 */
export async function bringIn<T>(context: Bringing, what: BringIn, write: () => Promise<T>): Promise<T> {
  if (!context.rates.groupsByStrangers.enabled) return write();
  return context.bringingIn.run(what.by, async () => {
    const counts = await countsOf(context, what);
    // Nothing else runs from here to the counting, so that many requests at the same moment find no gap.
    const full = counts.filter(({ rate, key }) => !rate.hasRoom(key));
    if (full.length > 0) throw tooManyRooms(full.map(({ uid }) => uid));
    for (const { rate, key } of counts) rate.take(key);
    try {
      return await write();
    } catch (error) {
      for (const { rate, key } of counts) rate.giveBack(key);
      throw error;
    }
  });
}

async function countsOf({ db, rates }: Bringing, { by, uids, into }: BringIn): Promise<Count[]> {
  const counts: Count[] = [];
  for (let first = 0; first < uids.length; first += ASKED_AT_ONCE) {
    if (first > 0) await nextTurn();
    const asked = uids.slice(first, first + ASKED_AT_ONCE);
    const known = await acquaintancesAmong(db, by, asked);
    const present = typeof into === "number" ? await presentAmong(db, into, asked) : new Set<number>();
    for (const uid of asked) {
      if (present.has(uid)) continue;
      if (!known.has(uid)) {
        const rate = into === "direct" ? rates.directRoomsByStrangers : rates.groupsByStrangers;
        counts.push({ rate, key: uid, uid });
        // Two people have one direct room at most.
      } else if (into !== "direct") counts.push({ rate: rates.groupsByOnePerson, key: `${by} ${uid}`, uid });
    }
  }
  return counts;
}

export function tooManyRooms(userIds: readonly number[]): ProblemError {
  return new ProblemError("too_many_rooms", undefined, { extra: { userIds: [...userIds] } });
}

/**
 * Those who are or were in a room with somebody, even at different times. The hall has no rows, so it makes nobody known. A room that was
 * dissolved or left makes nobody a stranger again: otherwise a single account could be a stranger as often as it likes.
 */
async function acquaintancesAmong(db: Kysely<Schema>, by: number, uids: readonly number[]): Promise<Set<number>> {
  const rows = await db
    .selectFrom("members as theirs")
    .select("theirs.uid")
    .distinct()
    .where("theirs.uid", "in", inList(uids))
    .where("theirs.room_id", "in", (eb) =>
      eb.selectFrom("members as own").select("own.room_id").where("own.uid", "=", by),
    )
    .execute();
  return new Set(rows.map(({ uid }) => uid));
}

/** Those who are already in the room, so nothing happens to them. */
async function presentAmong(db: Kysely<Schema>, roomId: number, uids: readonly number[]): Promise<Set<number>> {
  const rows = await db
    .selectFrom("members")
    .select("uid")
    .where("room_id", "=", roomId)
    .where("uid", "in", inList(uids))
    .where("left_seq", "is", null)
    .execute();
  return new Set(rows.map(({ uid }) => uid));
}
