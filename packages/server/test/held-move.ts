import { Client } from "pg";
import { endLater } from "./left-running.ts";
import { until } from "./postgres-rig.ts";
import { withRaw } from "./test-database.ts";

/** A move of more than so many of `known_requesters` is held in the middle of them. */
const HELD_AT = 10_000;
/** The lock that holds it. */
const KEY = 4711;

const TRIGGERS = {
  rows: `create trigger hold before insert on known_requesters for each row when (new.uid = ${HELD_AT}) execute function hold()`,
  commit:
    "create constraint trigger hold after insert on migrations deferrable initially deferred for each row execute function hold()",
};
const TABLES = { rows: "known_requesters", commit: "migrations" };

/** A move that stands still, for as long as a test needs it. */
export interface HeldMove {
  /** Resolves when the move has got there. */
  reached(): Promise<void>;
  /** From now on nothing holds a move there. */
  release(): Promise<void>;
}

/**
 * Makes a move into this empty database stop where PostgreSQL gets the row of the person with the number `HELD_AT`, or where it has been asked to commit and has
 * not done it yet. So a test need not be faster than the move.
 */
export async function holdMove(url: string, where: keyof typeof TRIGGERS): Promise<HeldMove> {
  await withRaw({ url }, async (raw) => {
    await raw.rows(`create function hold() returns trigger language plpgsql set lock_timeout = 0 as $$ begin
      perform pg_advisory_xact_lock_shared(${KEY}); return new; end $$`);
    await raw.rows(`create function on_table() returns event_trigger language plpgsql as $$ begin
      if exists (select 1 from pg_event_trigger_ddl_commands() where object_identity = 'public.${TABLES[where]}') then
        ${TRIGGERS[where]};
      end if; end $$`);
    await raw.rows(
      "create event trigger on_table on ddl_command_end when tag in ('CREATE TABLE') execute function on_table()",
    );
  });
  const holder = new Client({ connectionString: url });
  // A test may end its server.
  holder.on("error", () => {});
  await holder.connect();
  endLater(() => holder.end().catch(() => {}));
  await holder.query(`select pg_advisory_lock(${KEY})`);
  return {
    reached: () =>
      until("the move waits where it is held", async () => {
        const { rows } = await holder.query(
          `select 1 from pg_locks where locktype = 'advisory' and not granted
           and database = (select oid from pg_database where datname = current_database())`,
        );
        return rows.length > 0;
      }),
    release: async () => void (await holder.query(`select pg_advisory_unlock(${KEY})`)),
  };
}
