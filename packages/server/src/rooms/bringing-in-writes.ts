import { type StoredCount, storeCounts, storedCounts } from "../db/stored-counts.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { STORED_RATES } from "../limits/stored-rates.ts";
import { tooManyRooms } from "./bringing-in.ts";

export interface BroughtIn {
  readonly by: number;
  /** Those who are not in the room yet; the person who brings them in does not count. */
  readonly uids: readonly number[];
  /** As `strangersAmong` found before this write; undefined: nothing is counted. */
  readonly strangers: readonly number[] | undefined;
  readonly into: "group" | "direct";
}

interface Counted extends StoredCount {
  readonly uid: number;
}

/**
 * Counts that a person brings others into a room, inside the write that does it: for those who never shared a room with that person as a room into
 * which a stranger brought them, and for the others as a group into which this person did. Beyond the numbers nothing is counted.
 * @throws ProblemError `too_many_rooms`, naming the people who were brought into enough rooms today
 */
export async function countBroughtIn(tx: WriteTransaction, { by, uids, strangers, into }: BroughtIn): Promise<void> {
  const others = uids.filter((uid) => uid !== by);
  if (strangers === undefined || others.length === 0) return;
  const pairOf = (uid: number) => ({ rate: "groupsByOnePerson" as const, key: `${by} ${uid}` });
  const before = await storedCounts(
    tx,
    others.flatMap((uid) => [`${uid}`, pairOf(uid).key]),
  );
  const unknown = new Set(strangers);
  const counts: Counted[] = others.flatMap((uid): Counted[] => {
    const pair = pairOf(uid);
    // The two may have met since that was asked, by a request to whichever node: then there is a count of the pair.
    if (unknown.has(uid) && before.of(pair) === undefined) {
      const rate = into === "direct" ? "directRoomsByStrangers" : "groupsByStrangers";
      return [
        { uid, rate, key: `${uid}`, amount: 1 },
        { uid, ...pair, amount: 0 },
      ];
    }
    // Two people have one direct room at most.
    return into === "direct" ? [] : [{ uid, ...pair, amount: 1 }];
  });
  const full = counts.filter((count) => (before.of(count) ?? 0) + count.amount > STORED_RATES[count.rate].count);
  if (full.length > 0) throw tooManyRooms(full.map(({ uid }) => uid));
  storeCounts(tx, counts);
}
