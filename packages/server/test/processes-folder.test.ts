/** The data folder of several processes on PostgreSQL, which has nothing but their socket and their locks. */
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { lastingPort } from "./free-port.ts";
import { signUp } from "./harness.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { ServerProcess } from "./server-process.ts";
import { isRunning, SeveralProcesses } from "./several-processes.ts";
import { TABLES } from "./test-database.ts";

const MAIN = new URL("../src/main.ts", import.meta.url).pathname;

async function withProcesses(
  work: (server: SeveralProcesses, settings: Record<string, string>) => Promise<void>,
  settings: Record<string, string> = {},
): Promise<void> {
  const server = new SeveralProcesses(settings);
  try {
    await server.start();
    await work(server, { ...settings, DATA_DIR: join(server.dir, "data") });
  } finally {
    await server.remove();
  }
}

/** A start that fails. @returns what it says, and its exit code */
async function refused(settings: Record<string, string>): Promise<[text: string, code: number]> {
  const child = Bun.spawn([process.execPath, MAIN, "serve"], {
    env: {
      PATH: process.env.PATH ?? "",
      PROCESSES: "2",
      HOST: "127.0.0.1",
      PORT: "0",
      LOG_LEVEL: "error",
      ...settings,
    },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
  });
  const said = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return [said.join(""), await child.exited];
}

test(
  "PROC-13: only the server's own user reaches the socket of its workers",
  () =>
    withProcesses(async (server) => {
      const { mode, uid } = statSync(join(server.dir, "data", "parley.sock"));
      expect([(mode & 0o777).toString(8), uid]).toEqual(["600", process.getuid?.() as number]);
    }),
  40_000,
);

test.skipIf(!hasPostgres)(
  "PROC-13: a second supervisor with the same data folder is refused on PostgreSQL too, and harms nothing; a server of one process is not",
  async () => {
    const DATABASE_URL = await (await sharedPostgres()).freshDatabase(TABLES);
    await withProcesses(
      async (server, settings) => {
        expect(await refused(settings)).toEqual([
          `Another Parley server uses the data folder ${settings.DATA_DIR}. Stop it, or set DATA_DIR to another folder.\n`,
          1,
        ]);
        const [victim] = server.workers as [number];
        process.kill(victim, "SIGKILL");
        await server.replaced(victim);
        expect(isRunning(server.pid)).toBe(true);

        const ann = await signUp(server.url, "ann");
        const single = new ServerProcess(settings);
        try {
          await single.start();
          const me = await fetch(`${single.url}/api/v1/me`, { headers: { Authorization: `Bearer ${ann.token}` } });
          expect(await me.json()).toMatchObject({ uid: ann.uid });
          expect(await single.stop()).toBe(0);
        } finally {
          await single.remove();
        }
        expect(await server.stop()).toBe(0);
        await server.start();
      },
      { DATABASE_URL },
    );
  },
  90_000,
);

test.skipIf(!hasPostgres)(
  "PROC-12: a first start whose PostgreSQL cannot be reached ends with one sentence",
  async () => {
    const server = new SeveralProcesses();
    try {
      const DATABASE_URL = `postgres://parley@127.0.0.1:${lastingPort()}/chat`;
      const [said, code] = await refused({ DATA_DIR: join(server.dir, "data"), DATABASE_URL });
      expect(said).toMatch(/^PostgreSQL at 127\.0\.0\.1:\d+, database chat, cannot be reached \(.*\)\.\n$/);
      expect(code).toBe(1);
    } finally {
      await server.remove();
    }
  },
  40_000,
);
