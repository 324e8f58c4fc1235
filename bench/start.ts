import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openWrites } from "../packages/server/src/db/open.ts";
import { DATABASE_FILE } from "../packages/server/src/db/sqlite/open.ts";
import { sendMessages } from "../packages/server/src/messages/send.ts";
import { procedures } from "../packages/server/src/writes.ts";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { MeasuredServer } from "./measured-server.ts";
import { machine, ratio, shown, table } from "./report.ts";
import { takeTurns } from "./rounds.ts";
import { seed } from "./seed.ts";

/** From the start of the process until it says that it is ready: with nothing stored, with a million messages, after a kill. */
export const start: Benchmark = {
  name: "start",
  about: "time from start to ready with a million messages stored, beside an empty server (takes 3 minutes)",
  run: runStart,
};

const MESSAGES = 1_000_000;
const ROOMS = 100;
const AT_ONCE = 256;

async function runStart({ rounds }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  try {
    const full = join(folder, "full");
    const sender = await fill(full);
    console.log(`start, ${rounds} rounds, median (min–max); ${machine()}`);
    console.log(`${MESSAGES} messages in ${ROOMS} rooms: ${megabytes(join(full, DATABASE_FILE))} MB\n`);
    let empty = 0;
    const measured = await takeTurns(
      {
        "bare engine": timeBareEngine,
        "Parley, empty folder": () => timeServer(join(folder, `empty-${empty++}`)),
        "Parley, a million messages": () => timeServer(full),
        "Parley, a million, after kill -9": () => timeAfterKill(full, sender),
      },
      rounds,
    );
    const reference = measured["Parley, empty folder"].ms;
    const rows = Object.entries(measured).map(([name, { ms }]) => [name, shown(ms, 0), ratio(ms, reference)]);
    console.log(table(["subject", "ms until ready", "to an empty one"], rows));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns someone who may send */
async function fill(dataDir: string): Promise<{ token: string; roomId: number }> {
  const { people, rooms } = await seed(dataDir, {
    people: ROOMS,
    rooms: (uids) => uids.map((uid, index) => [uid, uids[(index + 1) % uids.length] as number]),
  });
  const writes = openWrites({ file: join(dataDir, DATABASE_FILE) }, { table: procedures });
  const content = "a message as people write them: a line of text and not much more than that";
  for (let sent = 0; sent < MESSAGES; sent += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, MESSAGES - sent) }, (_, index) => {
      const at = (sent + index) % ROOMS;
      const actor = { uid: people[at]?.uid as number, power: 0 as const };
      const roomId = rooms[at] as number;
      const clientId = `m${sent + index}`;
      return {
        actor,
        roomId,
        clientId,
        type: 1,
        stored: { content },
        replyTo: null,
        mentions: [],
        visibleTo: "room" as const,
      };
    });
    await Promise.all(batch.map((input) => writes.run(sendMessages, input)));
  }
  await writes.close();
  return { token: people[0]?.token as string, roomId: rooms[0] as number };
}

async function timeServer(dataDir: string): Promise<{ ms: number }> {
  const before = performance.now();
  const server = await MeasuredServer.start(dataDir, { DRAIN_SECONDS: "0" }, "any");
  const ms = performance.now() - before;
  await server.kill("SIGTERM");
  return { ms };
}

/** The server is killed with sends in flight, so that the next one finds the log as a crash leaves it. */
async function timeAfterKill(dataDir: string, sender: { token: string; roomId: number }): Promise<{ ms: number }> {
  const server = await MeasuredServer.start(dataDir);
  const headers = { Authorization: `Bearer ${sender.token}`, "Content-Type": "application/json" };
  const address = `${server.url}/api/v1/rooms/${sender.roomId}/messages`;
  const { promise: underWay, resolve } = Promise.withResolvers<void>();
  let answered = 0;
  const sends = Array.from({ length: 500 }, async () => {
    const body = JSON.stringify({ clientId: crypto.randomUUID(), type: 1, body: { content: "under way" } });
    await fetch(address, { method: "POST", headers, body }).catch(() => undefined);
    answered += 1;
    if (answered === 100) resolve();
  });
  await underWay;
  await server.kill("SIGKILL");
  await Promise.all(sends);
  return timeServer(dataDir);
}

async function timeBareEngine(): Promise<{ ms: number }> {
  const before = performance.now();
  const engine = new MeasuredProcess([process.execPath, new URL("./bare-engine.ts", import.meta.url).pathname], {});
  await engine.line(/^ready/);
  const ms = performance.now() - before;
  await engine.kill();
  return { ms };
}

function megabytes(path: string): number {
  return Math.round(Bun.file(path).size / 1e6);
}
