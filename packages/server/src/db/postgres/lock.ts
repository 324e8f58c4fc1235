/**
 * How a transaction that writes begins. The lock comes first, in a separate statement. Each later statement has its own snapshot (READ
 * COMMITTED), so it sees what the previous holder has committed, and procedures may be written as if there were one writer. The timeout of
 * statements is longer while the lock is waited for.
 */
export const BEGIN = ["begin isolation level read committed", "set local statement_timeout = '20s'"];
export const LOCK = `select pos, at, caught_up_at as "caughtUpAt" from log where id = 1 for update`;
/** The database's clock, in milliseconds. */
export const CLOCK = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint";
const LOCKED = "set_config('statement_timeout', '5s', true)";
/**
 * Sent after the lock, so the time that it reads is not before that of any batch that had the lock earlier. A node without a lease may not write: others
 * have declared it dead, and have seen everything that it had written.
 */
export function locked(node: string | undefined): string {
  const hasLease = node === undefined ? "true" : `exists (select from nodes where node = '${node}')`;
  return `select ${LOCKED}, ${hasLease} as "hasLease", ${CLOCK} as clock`;
}
/** How long the wait for the lock may take, the way of the answer included. */
export const LOCK_MS = 17_000;
