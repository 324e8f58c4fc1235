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
import { seed } from "./seed.ts";

/**
 * Notifications that the product's backend sends with a server key, each acknowledged after it is on the disk: to 5 000 people with one call
 * for each, to a hundred with each call, and to all of them with one call. The comparison is durable messages that the same key sends one by
 * one. The load is a program in C that shares the processors with the server. Nobody is connected: `fanout` measures what a push costs.
 */
export const notify: Benchmark = {
  name: "notify",
  about: "durable notifications to 5 000 people, a call for each and one call for all, beside messages of the same key",
  run: runNotify,
};

const PEOPLE = 5000;
const IN_FLIGHT = 64;
/** Calls in a turn that reach a hundred people each, and how many of them are in flight. */
const TO_MANY = 100;
const MANY = 100;
const MANY_IN_FLIGHT = 8;
/** Calls in a turn that reach everybody, one after another. */
const TO_ALL = 50;
const RATE = 100_000;

type Sample = {
  perSecond: number;
  people: number;
  p50: number;
  p99: number;
  cpu: number;
  main: number;
  writer: number;
};

const NOTICE = `"kind":"approval","title":"Request # waits for you","text":"Ada asks for three days off.","link":"/requests/#"`;

async function runNotify({ rounds, only }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  let server: MeasuredServer | undefined;
  try {
    const load = await compile("http-load", folder);
    const data = join(folder, "data");
    await seed(data, { people: 1, rooms: () => [] });
    const ring = await openKeyRing({ data: { dir: data, databaseUrl: undefined } });
    const { key } = await ring.add({
      name: "bench",
      scopes: ["users", "rooms", "messages", "notifications"],
      ...{ expiresAt: null, rate: RATE, recipientsRate: RATE, allRate: RATE },
    });
    await ring.close();
    const keys = join(folder, "keys");
    await Bun.write(keys, `${key}\n`);
    server = await MeasuredServer.start(data, {}, "any");
    const { port } = server;
    await bringIn(server, key);
    const run = async (args: (string | number)[]) =>
      (await new MeasuredProcess([load, String(port), ...args.map(String)], {}).line(/^done (\S+) (\S+) (\S+)/))
        .slice(1)
        .map(Number);
    const api = "/api/v1/server";
    const each = `{"to":{"users":["p#"]},${NOTICE}}`;
    const names = Array.from({ length: MANY }, (_, n) => `"p${n}"`).join(",");
    const many = `{"to":{"users":[${names}]},${NOTICE}}`;
    const all = `{"to":{"all":true},${NOTICE}}`;
    const message = (turn: number) =>
      `{"room":"bench","clientId":"m${turn}-#","type":1,"body":{"content":"Request # waits for you."}}`;
    const subjects = {
      "a call for each person": turnsOf(server, { calls: PEOPLE, people: 1 }, () =>
        run([IN_FLIGHT, PEOPLE, "n", keys, `${api}/notifications`, each]),
      ),
      "calls for 100 people": turnsOf(server, { calls: TO_MANY, people: MANY }, () =>
        run([MANY_IN_FLIGHT, TO_MANY, "n", keys, `${api}/notifications`, many]),
      ),
      "one call for all": turnsOf(server, { calls: TO_ALL, people: PEOPLE }, () =>
        run([1, TO_ALL, "n", keys, `${api}/notifications`, all]),
      ),
      "messages, a call for each": turnsOf(server, { calls: PEOPLE, people: 1 }, (turn) =>
        run([IN_FLIGHT, PEOPLE, "n", keys, `${api}/messages`, message(turn)]),
      ),
    };
    const chosen = Object.fromEntries(Object.entries(subjects).filter(([name]) => (only ?? name) === name));
    print(await takeTurns<string, Sample>(chosen, rounds), rounds);
  } finally {
    await server?.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Creates people p0, p1 … and a managed room. */
async function bringIn({ url }: MeasuredServer, key: string): Promise<void> {
  const ask = async (method: string, path: string, body: object) => {
    const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
    const reply = await fetch(`${url}/api/v1/server${path}`, { method, headers, body: JSON.stringify(body) });
    if (!reply.ok) throw new Error(`${method} ${path} was answered ${reply.status}: ${await reply.text()}`);
  };
  for (let from = 0; from < PEOPLE; from += 100) {
    const items = Array.from({ length: 100 }, (_, n) => ({ externalId: `p${from + n}` }));
    await ask("POST", "/users", { items });
  }
  await ask("PUT", "/rooms/bench", {});
}

/** @param size of a turn: how many calls it makes, and how many people each of them reaches */
function turnsOf(
  server: MeasuredServer,
  { calls, people }: { calls: number; people: number },
  load: (turn: number) => Promise<number[]>,
): () => Promise<Sample> {
  let turn = 0;
  return async () => {
    const before = server.cpuByThread();
    const [seconds = 0, p50 = 0, p99 = 0] = await load(turn++);
    const after = server.cpuByThread();
    const used = (thread: string) => ((after.get(thread) ?? 0) - (before.get(thread) ?? 0)) / 1000 / calls;
    const cpu = [...after.keys()].reduce((sum, thread) => sum + used(thread), 0);
    const perSecond = calls / seconds;
    return { perSecond, people: perSecond * people, p50, p99, cpu, main: used("main"), writer: used("Worker") };
  };
}

function print(measured: Record<string, Record<keyof Sample, Figure>>, rounds: number): void {
  const reference = measured["messages, a call for each"];
  const rows = Object.entries(measured).map(([name, { perSecond, people, p50, p99, cpu, main, writer }]) => [
    name,
    shown(perSecond, 0),
    shown(people, 0),
    shown(p50, 1),
    shown(p99, 1),
    shown(cpu, 1),
    shown(main, 1),
    shown(writer, 1),
    reference ? ratio(perSecond, reference.perSecond) : "",
    reference ? ratio(cpu, reference.cpu) : "",
  ]);
  console.log(
    `notify, ${PEOPLE} people, ${rounds} rounds of ${PEOPLE} calls, ${IN_FLIGHT} in flight, of ${TO_MANY} calls to ${MANY}, ${MANY_IN_FLIGHT} in flight, and of ${TO_ALL} calls to all, one in flight, median (min–max); ${machine()}\n`,
  );
  const head = [
    "subject",
    "calls/s",
    "people/s",
    "p50 ms",
    "p99 ms",
    "CPU µs/call",
    "of it main thread",
    "writer thread",
  ];
  console.log(table([...head, "calls/s to messages", "CPU to messages"], rows));
}
