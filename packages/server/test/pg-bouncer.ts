import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { delay } from "../src/lib/interval.ts";
import { lastingPort } from "./free-port.ts";
import { endLater } from "./left-running.ts";
import { needs } from "./needs.ts";
import type { PostgresServer } from "./postgres-server.ts";
import { PrivateProcess } from "./private-process.ts";

const pgbouncer = needs("pgbouncer");
export const hasPgBouncer = pgbouncer !== undefined;

/** Starts Debian's PgBouncer in front of a server, for its test. @param size how many sessions it has for each database @returns its port, when it accepts connections */
export async function startPgBouncer(
  server: PostgresServer,
  mode: "transaction" | "session",
  size = 30,
): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), "parley-pgbouncer-"));
  chmodSync(dir, 0o777);
  const port = lastingPort();
  const settings = `[databases]
* = host=127.0.0.1 port=${server.port} user=parley
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${size}
`;
  writeFileSync(join(dir, "pgbouncer.ini"), settings);
  const process = new PrivateProcess([pgbouncer as string, join(dir, "pgbouncer.ini")], {
    as: "postgres",
    log: join(dir, "log"),
  });
  endLater(async () => {
    await process.kill();
    rmSync(dir, { recursive: true, force: true });
  });
  for (;;) {
    const client = new Client({ host: "127.0.0.1", port, user: "parley", database: "postgres" });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.end();
      return port;
    } catch (error) {
      if (process.hasEnded) throw new Error("PgBouncer did not start", { cause: error });
      await delay(20);
    }
  }
}
