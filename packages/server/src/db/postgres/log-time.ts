/** What the database knows of its time, under the lock. */
export interface LogTime {
  /** The time of the log's newest event. */
  readonly at: number;
  readonly clock: number;
  /** When the clock shows this, it has caught up with the log; past or null: it has. */
  readonly caughtUpAt: number | null;
}

/**
 * The time of a batch: the clock's, or, while the log is ahead of that, one that goes on at half the clock's pace. The moment at which both meet stays the
 * same all that time, so it is all that nodes have to tell each other: the log is half as far ahead as that moment. A node of an older version, which
 * does not know of it, stands still at the log's time, and changes nothing for the others.
 */
export function pacedTime({ at, clock, caughtUpAt }: LogTime): { now: number; caughtUpAt: number | null } {
  const meet = Math.max(2 * at - clock, caughtUpAt ?? 0);
  if (meet <= clock) return { now: clock, caughtUpAt };
  return { now: Math.floor((clock + meet) / 2), caughtUpAt: meet };
}
