import type { RateRow } from "./row.ts";

/** All of them are by the day. */
export const STORED_WINDOW_MS = 86_400_000;

/**
 * Rates that protect one person from many accounts. They are counted in the database, by the write that they bound (`db/stored-counts.ts`): so exactly,
 * whichever processes are asked at the same moment, and a restart forgets nothing.
 */
export const STORED_RATES = {
  /** Of the one who is brought in, by people with whom they never shared a room. The hall is everybody's and does not count. */
  groupsByStrangers: {
    counts: "groups that strangers bring this person into",
    by: "person",
    count: 100,
    windowMs: STORED_WINDOW_MS,
    refusal: { code: "too_many_rooms" },
  },
  /** A number of its own, so that groups cannot use it up; two people have one such room, so each counts for one account. */
  directRoomsByStrangers: {
    counts: "direct rooms that strangers open with this person",
    by: "person",
    count: 500,
    windowMs: STORED_WINDOW_MS,
    refusal: { code: "too_many_rooms" },
  },
  /** Of people who did share a room. With it, hundreds of accounts are needed to fill the list of somebody's rooms in days, rather than two dozen in one. */
  groupsByOnePerson: {
    counts: "groups that a person brings another person into",
    by: "two people",
    count: 10,
    windowMs: STORED_WINDOW_MS,
    refusal: { code: "too_many_rooms" },
  },
} as const satisfies Record<string, RateRow>;
