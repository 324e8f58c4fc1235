import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openKeyRing } from "../packages/server/src/cli/key-ring.ts";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { MeasuredServer } from "./measured-server.ts";
import { compile } from "./native.ts";
import { machine, ratio, shown, table } from "./report.ts";
import { type Figure, takeTurns } from "./rounds.ts";
import { seed, writeTokens } from "./seed.ts";

/**
 * Messages that the product's backend sends with a server key, in lists of a hundred, each acknowledged after it is on the disk. The comparison
 * is people who send one by one to the same server. The load is a program in C that shares the processors with the server.
 */
export const serverMessages: Benchmark = {
  name: "server-messages",
  about: "durable messages by the server API in lists of 100, beside people who send one by one",
  run: runServerMessages,
};

const EACH = 100;
const LISTS_IN_FLIGHT = 16;
const IN_FLIGHT = 64;
const SENDERS = 8;
/** Messages in a turn; the first turn of each subject, which does not count, has three times as many. */
const BY_LIST = 100_000;
const ONE_BY_ONE = 20_000;

type Sample = { perSecond: number; p50: number; p99: number; cpu: number; main: number; writer: number };

async function runServerMessages({ rounds, only }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  let server: MeasuredServer | undefined;
  try {
    const load = await compile("http-load", folder);
    const data = join(folder, "data");
    const { people, rooms } = await seed(data, { people: SENDERS, rooms: (uids) => [uids] });
    const tokens = await writeTokens(folder, people);
    const ring = await openKeyRing({ data: { dir: data, databaseUrl: undefined } });
    const { key } = await ring.add({
      name: "bench",
      scopes: ["users", "rooms", "messages"],
      expiresAt: null,
      rate: null,
    });
    await ring.close();
    const keys = join(folder, "keys");
    await Bun.write(keys, `${key}\n`);
    server = await MeasuredServer.start(data, {}, "any");
    await bringIn(server, key);
    const { port } = server;
    const run = async (args: (string | number)[]) =>
      (await new MeasuredProcess([load, String(port), ...args.map(String)], {}).line(/^done (\S+) (\S+) (\S+)/))
        .slice(1)
        .map(Number);
    const byList = (count: number, turn: number) =>
      run([LISTS_IN_FLIGHT, count / EACH, `list-${turn}`, keys, "/api/v1/server/messages", EACH, "bench", SENDERS]);
    const oneByOne = (count: number, turn: number) =>
      run([IN_FLIGHT, count, `one-${turn}`, tokens, `/api/v1/rooms/${rooms[0]}/messages`]);
    const subjects = {
      "lists of 100, server key": turnsOf(server, BY_LIST, byList),
      "one by one, people": turnsOf(server, ONE_BY_ONE, oneByOne),
    };
    const chosen = Object.fromEntries(Object.entries(subjects).filter(([name]) => (only ?? name) === name));
    print(await takeTurns<string, Sample>(chosen, rounds), rounds);
  } finally {
    await server?.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Creates people s0, s1 … and a managed room that all of them are in. */
async function bringIn({ url }: MeasuredServer, key: string): Promise<void> {
  const names = Array.from({ length: SENDERS }, (_, n) => `s${n}`);
  const ask = async (method: string, path: string, body: object) => {
    const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
    const reply = await fetch(`${url}/api/v1/server${path}`, { method, headers, body: JSON.stringify(body) });
    if (!reply.ok) throw new Error(`${method} ${path} was answered ${reply.status}: ${await reply.text()}`);
  };
  await ask("POST", "/users", { items: names.map((externalId) => ({ externalId })) });
  await ask("PUT", "/rooms/bench", {});
  await ask("POST", "/rooms/bench/members", { add: names });
}

function turnsOf(
  server: MeasuredServer,
  messages: number,
  load: (count: number, turn: number) => Promise<number[]>,
): () => Promise<Sample> {
  let turn = 0;
  return async () => {
    const count = turn === 0 ? 3 * messages : messages;
    const before = server.cpuByThread();
    const [seconds = 0, p50 = 0, p99 = 0] = await load(count, turn++);
    const after = server.cpuByThread();
    const used = (thread: string) => ((after.get(thread) ?? 0) - (before.get(thread) ?? 0)) / 1000 / count;
    const cpu = [...after.keys()].reduce((sum, thread) => sum + used(thread), 0);
    return { perSecond: count / seconds, p50, p99, cpu, main: used("main"), writer: used("Worker") };
  };
}

function print(measured: Record<string, Record<keyof Sample, Figure>>, rounds: number): void {
  const reference = measured["one by one, people"];
  const rows = Object.entries(measured).map(([name, { perSecond, p50, p99, cpu, main, writer }]) => [
    name,
    shown(perSecond, 0),
    shown(p50, 1),
    shown(p99, 1),
    shown(cpu, 1),
    shown(main, 1),
    shown(writer, 1),
    reference ? ratio(perSecond, reference.perSecond) : "",
    reference ? ratio(cpu, reference.cpu) : "",
  ]);
  console.log(
    `server-messages, ${rounds} rounds of ${BY_LIST} in lists, ${LISTS_IN_FLIGHT} in flight, and of ${ONE_BY_ONE} one by one, ${IN_FLIGHT} in flight, median (min–max); ${machine()}\n`,
  );
  const head = ["subject", "messages/s", "p50 ms", "p99 ms", "CPU µs/message", "of it main thread", "writer thread"];
  console.log(table([...head, "messages/s to one by one", "CPU to it"], rows));
  console.log("\np50 and p99: of a request, so of a hundred messages in the first row.");
}
