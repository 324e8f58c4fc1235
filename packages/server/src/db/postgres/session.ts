import { PostgresConnection } from "./connection.ts";
import { PostgresUnusable } from "./faults.ts";

/** What a connection is for. */
export type Purpose = "read" | "write" | "migrate";

const OLDEST_VERSION = 15;

/**
 * No statement of this server lasts longer than 5 s, and no transaction is idle for longer. So the database ends one that hangs, which releases the
 * log's lock. Waiting for that lock may take longer.
 */
const SETTINGS = [
  "set application_name = 'parley'",
  "set idle_in_transaction_session_timeout = '5s'",
  "set statement_timeout = '5s'",
  "set lock_timeout = '15s'",
  "set client_min_messages = 'warning'",
  // If a node vanishes with its machine or its network, PostgreSQL ends its sessions, and releases what they hold, in about a minute.
  "set tcp_keepalives_idle = 30",
  "set tcp_keepalives_interval = 10",
  "set tcp_keepalives_count = 3",
];
/** All our statements use keys. With these settings every plan does, even for new tables, of which PostgreSQL has no statistics yet. */
const PLANS = [
  "set jit = off",
  "set plan_cache_mode = 'force_generic_plan'",
  "set enable_seqscan = off",
  "set enable_hashjoin = off",
  "set enable_mergejoin = off",
];
const READ_ONLY = "set default_transaction_read_only = on";

/** What a PostgreSQL server says about itself. */
export interface PostgresFacts {
  /** Of the release: 15, 16. */
  version: number;
  isStandby: 0 | 1;
  encoding: string;
}

/**
 * Opens a connection with the settings of our sessions.
 * @throws PostgresUnusable for a standby, a version that is too old, or another encoding; ConnectionLost; what PostgreSQL says
 */
export async function openSession(url: string, purpose: Purpose): Promise<PostgresConnection> {
  // A migration may take any time.
  const connection = await PostgresConnection.open(url, purpose === "migrate" ? Number.POSITIVE_INFINITY : undefined);
  try {
    const set = [...SETTINGS, ...PLANS, ...(purpose === "read" ? [READ_ONLY] : [])].map((text) => connection.run(text));
    const asked = connection.run<PostgresFacts>(
      `select current_setting('server_version_num')::int / 10000 as version, pg_is_in_recovery() as "isStandby",
       current_setting('server_encoding') as encoding`,
    );
    const [{ rows }] = await Promise.all([asked, ...set]);
    refuseUnusable(rows[0] as PostgresFacts);
    return connection;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** @throws PostgresUnusable */
export function refuseUnusable({ version, isStandby, encoding }: PostgresFacts): void {
  if (version < OLDEST_VERSION) {
    throw new PostgresUnusable(
      `DATABASE_URL leads to PostgreSQL ${version}. Parley needs version ${OLDEST_VERSION} or later.`,
    );
  }
  if (encoding !== "UTF8") {
    throw new PostgresUnusable(
      `The database of DATABASE_URL has the encoding ${encoding}. Make one with UTF8: createdb --encoding=UTF8 --template=template0 NAME.`,
    );
  }
  if (isStandby === 1)
    throw new PostgresUnusable(
      "DATABASE_URL leads to a standby, which takes no writes. Let it name the primary, for instance by target_session_attrs or a proxy that follows it.",
    );
}
