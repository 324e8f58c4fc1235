import { randomHex } from "../../lib/ids.ts";
import type { PostgresConnection } from "./connection.ts";
import { BEGIN, LOCK, LOCK_MS } from "./lock.ts";
import type { PostgresPlace } from "./place.ts";

/**
 * Each standby that takes over begins a new timeline of its PostgreSQL server, and so does a restore to a point in time. Something that the old primary had committed, and
 * that clients have perhaps seen, may be missing there, and then cursors mean something else. The same is true of a database that a dump was restored into. It has other numbers
 * (OIDs) than the database that was dumped, or is on another PostgreSQL server.
 */
const READ = `select (select value from meta where key = 'epoch') as epoch,
 (select value from meta where key = 'timeline') as "keptTimeline", substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline,
 (select value from meta where key = 'home') as "keptHome",
 (select oid from pg_database where datname = current_database()) || '/' || 'log'::regclass::oid as numbers`;

/** The id of the PostgreSQL server, which its standbys share. */
const INSTANCE = "select system_identifier::text as instance from pg_control_system()";

interface Seen {
  epoch: string;
  timeline: string;
  numbers: string;
  /** Those with which the database was used last. */
  keptTimeline: string | null;
  keptHome: string | null;
}

/**
 * The database's epoch. If the timeline has changed, the first process that notices renews the epoch, unless such a change loses nothing
 * (`isLossless`). If the database is a copy of the one that was used last, the epoch is renewed in any case.
 */
export async function settledEpoch(
  connection: PostgresConnection,
  { isLossless = false }: PostgresPlace,
): Promise<string> {
  const [first, instance] = await Promise.all([read(connection), instanceOf(connection)]);
  const homeOf = ({ numbers }: Seen) => `${instance}/${numbers}`;
  if (first.keptTimeline === first.timeline && first.keptHome === homeOf(first)) return first.epoch;
  for (const text of BEGIN) await connection.run(text);
  await connection.run(LOCK, LOCK_MS);
  const seen = await read(connection);
  const { epoch, keptTimeline, keptHome, timeline } = seen;
  const home = homeOf(seen);
  const hasMoved = keptHome !== null && keptHome !== home;
  const hasTurned = keptTimeline !== null && keptTimeline !== timeline && !isLossless;
  const settled = hasMoved || hasTurned ? randomHex(64) : epoch;
  if (timeline !== keptTimeline) await keep(connection, "timeline", timeline);
  if (home !== keptHome) await keep(connection, "home", home);
  if (settled !== epoch) await keep(connection, "epoch", settled);
  await connection.commit();
  return settled;
}

async function keep(connection: PostgresConnection, key: string, value: string): Promise<void> {
  await connection.run(`insert into meta (key, value) values ('${key}', '${value}')
    on conflict (key) do update set value = excluded.value`);
}

async function read(connection: PostgresConnection): Promise<Seen> {
  const { rows } = await connection.run<Seen>(READ);
  return rows[0] as Seen;
}

/** Empty where our user may not ask: by default everybody may. */
async function instanceOf(connection: PostgresConnection): Promise<string> {
  try {
    const { rows } = await connection.run<{ instance: string }>(INSTANCE);
    return (rows[0] as { instance: string }).instance;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "42501") return "";
    throw error;
  }
}
