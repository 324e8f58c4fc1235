import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { MeasuredServer } from "./measured-server.ts";
import { compile } from "./native.ts";
import { machine, ratio, shown, table } from "./report.ts";
import { type Figure, takeTurns } from "./rounds.ts";
import { seed, writeTokens } from "./seed.ts";

/**
 * Likes and dislikes, each acknowledged when it is on the disk: 64 people change theirs on one message, from a like to a dislike and back, so that
 * each request changes both counts. The comparison is messages that the same people send one by one.
 */
export const marks: Benchmark = {
  name: "marks",
  about: "64 people who change their marks on one message at once, beside messages of the same people",
  run: runMarks,
};

const PEOPLE = 64;
const IN_FLIGHT = 64;
/** Requests in a turn, and in the first turn of each subject too, which does not count. */
const REQUESTS = 20_000;

type Sample = { perSecond: number; p50: number; p99: number; cpu: number; main: number; writer: number };

async function runMarks({ rounds, only }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  let server: MeasuredServer | undefined;
  try {
    const load = await compile("http-load", folder);
    const { people, rooms } = await seed(join(folder, "data"), { people: PEOPLE, rooms: (uids) => [uids] });
    const tokens = await writeTokens(folder, people);
    server = await MeasuredServer.start(join(folder, "data"), {}, "any");
    const messages = `/api/v1/rooms/${rooms[0]}/messages`;
    const id = await firstMessage(server, { messages, token: people[0]?.token ?? "" });
    const subjects = {
      marks: turnsOf(server, load, { tokens, path: `PUT /api/v1/messages/${id}/marks/like,dislike` }),
      messages: turnsOf(server, load, { tokens, path: messages }),
    };
    const chosen = Object.fromEntries(Object.entries(subjects).filter(([name]) => (only ?? name) === name));
    print(await takeTurns<string, Sample>(chosen, rounds), rounds);
  } finally {
    await server?.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function firstMessage(
  { url }: MeasuredServer,
  { messages, token }: { messages: string; token: string },
): Promise<number> {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const body = JSON.stringify({ clientId: "first", type: 1, body: { content: "Tea or coffee?" } });
  const reply = await fetch(`${url}${messages}`, { method: "POST", headers, body });
  if (!reply.ok) throw new Error(`the message was answered ${reply.status}: ${await reply.text()}`);
  return ((await reply.json()) as { message: { id: number } }).message.id;
}

function turnsOf(
  server: MeasuredServer,
  load: string,
  { tokens, path }: { tokens: string; path: string },
): () => Promise<Sample> {
  let turn = 0;
  return async () => {
    const before = server.cpuByThread();
    const args = [load, ...[server.port, IN_FLIGHT, REQUESTS].map(String), `turn-${turn++}`, tokens, path];
    const [, seconds, p50, p99] = await new MeasuredProcess(args, {}).line(/^done (\S+) (\S+) (\S+)/);
    const after = server.cpuByThread();
    const used = (thread: string) => ((after.get(thread) ?? 0) - (before.get(thread) ?? 0)) / 1000 / REQUESTS;
    const cpu = [...after.keys()].reduce((sum, thread) => sum + used(thread), 0);
    const spent = { cpu, main: used("main"), writer: used("Worker") };
    return { perSecond: REQUESTS / Number(seconds), p50: Number(p50), p99: Number(p99), ...spent };
  };
}

function print(measured: Record<string, Record<keyof Sample, Figure>>, rounds: number): void {
  const reference = measured.messages;
  const rows = Object.entries(measured).map(([name, { perSecond, p50, p99, cpu, main, writer }]) => [
    name,
    shown(perSecond, 0),
    shown(p50, 1),
    shown(p99, 1),
    shown(cpu, 0),
    shown(main, 0),
    shown(writer, 0),
    reference ? ratio(perSecond, reference.perSecond) : "",
    reference ? ratio(cpu, reference.cpu) : "",
  ]);
  console.log(
    `marks, ${PEOPLE} people, ${rounds} rounds of ${REQUESTS}, ${IN_FLIGHT} in flight, median (min–max); ${machine()}\n`,
  );
  const head = ["subject", "requests/s", "p50 ms", "p99 ms", "CPU µs each", "of it main thread", "writer thread"];
  console.log(table([...head, "a second to messages", "CPU to messages"], rows));
}
