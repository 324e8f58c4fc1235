import { PostgresConnection } from "./connection.ts";
import { PostgresUnusable } from "./faults.ts";

/** A pooler may give out several sessions, so it is tried this many times. */
const ROUNDS = 3;

const REFUSAL =
  `DATABASE_URL leads to a pooler in transaction mode, which may run each transaction in another session, so that settings and prepared statements get lost.
Let it name PostgreSQL itself, or set pool_mode = session for this database.`.replace("\n", " ");

/**
 * Refuses a pooler in transaction mode, such as PgBouncer's. Without a pooler a session keeps the process id that it had when it was opened. Behind a
 * pooler it has another one. If the pooler is in session mode, that id never changes, and no other client gets it.
 * Nothing is set on these connections, since a pooler would pass it on to others.
 * @throws PostgresUnusable, ConnectionLost, or what PostgreSQL says
 */
export async function refuseTransactionPooler(url: string): Promise<void> {
  const first = await PostgresConnection.open(url);
  try {
    const own = await sessionOf(first);
    if (own !== first.processId) await compare(first, { own, url });
  } finally {
    await first.close();
  }
}

async function compare(first: PostgresConnection, { own, url }: { own: number; url: string }): Promise<void> {
  const second = await PostgresConnection.open(url);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      await second.run("begin");
      const other = await sessionOf(second);
      const isKept = other !== own && (await sessionOf(first)) === own;
      await second.run("rollback");
      if (!isKept) throw new PostgresUnusable(REFUSAL);
    }
  } finally {
    await second.close();
  }
}

async function sessionOf(connection: PostgresConnection): Promise<number> {
  const { rows } = await connection.run<{ pid: number }>("select pg_backend_pid() as pid");
  return (rows[0] as { pid: number }).pid;
}
