import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchOptions } from "./benchmark.ts";
import { familyNanoseconds } from "./cpu-time.ts";
import { Crowd, NUMBER } from "./crowd.ts";
import { DONE, doneOf } from "./loads.ts";
import { MeasuredProcess } from "./measured-process.ts";
import type { MeasuredServer } from "./measured-server.ts";
import { compile } from "./native.ts";
import { machine, ratio, shown, table } from "./report.ts";
import { type Figure, takeTurns } from "./rounds.ts";
import { writeTokens } from "./seed.ts";
import { type Store, type StoreKind, Stores } from "./stores.ts";
import { warmUp } from "./warm-up.ts";

/**
 * Two thousand people who are connected and in one room, on the nodes of a store: what it costs to bring everybody a message, and to send messages
 * that few read. The load shares the processors with the server, since it is about all of them.
 */

const READERS = 2000;
/** People in a second room; the first ones of the crowd, so that each node has readers of it. */
const SENDERS = 8;
const IN_FLIGHT = 64;
const SENDS = 10_000;
const SETTINGS = { IDLE_MS: "600000", TAIL_BYTES: "16777216" };
const LIVE = '{"type":103';

/** What stands beside others: nodes, and what they run on. */
export interface ReadersWish {
  readonly kind: StoreKind;
  readonly settings?: Record<string, string>;
  /** Processor time of a service that it uses beside PostgreSQL. */
  readonly serviceNanoseconds?: () => number;
}

interface Subject {
  readonly name: string;
  readonly store: Store;
  readonly crowd: Crowd;
  readonly serviceNanoseconds: () => number;
  /** Sends into the second room. */
  send(turn: number): Promise<readonly [seconds: number, p50: number, p99: number]>;
}

/** CPU is in microseconds, for each delivery or send: of the node that is asked, of the others, and of the services. */
type Sample = Record<
  "cpu" | "asked" | "others" | "postgres" | "service" | "perSecond" | "p50" | "p99" | "far50" | "far99",
  number
>;
type Case = (subject: Subject, turn: number) => Promise<Sample>;

/** Also what `--only` takes. */
const CASES: Readonly<Record<string, Case>> = {
  "1 in flight": (subject) => delivered(subject, ({ crowd }) => crowd.rounds(1, 100)),
  "16 in flight": (subject) => delivered(subject, ({ crowd }) => crowd.rounds(16, 30)),
  "20 a second": (subject) => delivered(subject, ({ crowd }) => crowd.rate(20, 100)),
  sends: sent,
};

/** Opens all subjects, lets them take turns at each case, and prints each beside the first one. */
export async function measureReaders(
  name: string,
  wishes: Readonly<Record<string, ReadersWish>>,
  { rounds, only }: BenchOptions,
): Promise<void> {
  const cases = Object.entries(CASES).filter(([one]) => (only ?? one) === one);
  if (cases.length === 0) throw new Error(`--only is one of: ${Object.keys(CASES).join(", ")}`);
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  try {
    await using stores = new Stores(folder);
    const native = { crowd: await compile("crowd", folder), load: await compile("http-load", folder) };
    const subjects: Subject[] = [];
    for (const [subject, wish] of Object.entries(wishes)) {
      subjects.push(await openSubject(subject, wish, { stores, folder, native }));
    }
    console.log(`${name}, ${READERS} readers, ${rounds} rounds, median (min–max); ${machine()}\n`);
    for (const [one, measure] of cases) {
      let turn = 0;
      const turns = subjects.map((subject) => [subject.name, () => measure(subject, turn++)]);
      const measured = await takeTurns<string, Sample>(Object.fromEntries(turns), rounds);
      console.log(`${table(HEAD, rowsOf(one, measured))}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openSubject(
  name: string,
  { kind, settings, serviceNanoseconds = () => 0 }: ReadersWish,
  { stores, folder, native }: { stores: Stores; folder: string; native: { crowd: string; load: string } },
): Promise<Subject> {
  const wish = { people: READERS, rooms: (uids: readonly number[]) => [uids, uids.slice(0, SENDERS)] };
  const store = await stores.open(kind, wish, { ...SETTINGS, ...settings });
  const { people, rooms, tokens } = store;
  const [node, ...others] = store.nodes;
  if (!node) throw new Error("a store has no nodes");
  const own = join(folder, `of ${name}`);
  mkdirSync(own);
  const senders = await writeTokens(own, people.slice(0, SENDERS));
  const roomId = rooms[1] as number;
  for (const [i, { url }] of store.nodes.entries()) await warmUp({ url, token: people[i]?.token ?? "", roomId });
  const text = `t=${NUMBER} a message as people write them: a line of text and not much more than that`;
  const crowd = await Crowd.open({
    folder: own,
    program: native.crowd,
    port: node.port,
    otherPorts: others.map(({ port }) => port),
    readers: READERS,
    tokens,
    live: LIVE,
    publish: `/api/v1/rooms/${rooms[0]}/messages`,
    template: JSON.stringify({ clientId: NUMBER, type: 1, body: { content: text } }),
  });
  stores.endLater(() => crowd.close());
  const send = async (turn: number) => {
    const numbers = [node.port, IN_FLIGHT, SENDS].map(String);
    const command = [native.load, ...numbers, `turn-${turn}`, senders, `/api/v1/rooms/${rooms[1]}/messages`];
    return doneOf(await new MeasuredProcess(command, {}).line(DONE));
  };
  return { name, store, crowd, serviceNanoseconds, send };
}

const HEAD = [
  "case",
  "subject",
  ...["CPU µs each, servers", "to the first", "node that is asked", "other nodes", "PostgreSQL", "Redis"],
  ...["each second", "p50 ms", "p99 ms", "ms from 201 to another node: p50, p99"],
];

type Used = Pick<Sample, "cpu" | "asked" | "others" | "postgres" | "service">;

/** With the workers of a server of several processes. */
function cpuOf({ store, serviceNanoseconds }: Subject): Used {
  const [asked = 0, ...others] = store.nodes.map(({ pid }: MeasuredServer) => familyNanoseconds(pid));
  const ofOthers = others.reduce((sum, one) => sum + one, 0);
  const postgres = store.postgres?.cpuNanoseconds() ?? 0;
  return { cpu: asked + ofOthers, asked, others: ofOthers, postgres, service: serviceNanoseconds() };
}

function usedSince(before: Used, subject: Subject, count: number): Used {
  const now = cpuOf(subject);
  const keys = Object.keys(before) as (keyof Used)[];
  return Object.fromEntries(keys.map((key) => [key, (now[key] - before[key]) / 1000 / count])) as Used;
}

async function delivered(
  subject: Subject,
  publish: (subject: Subject) => ReturnType<Crowd["rounds"]>,
): Promise<Sample> {
  const before = cpuOf(subject);
  const run = await publish(subject);
  const { p50Ms, p99Ms, afterAnswer } = run;
  const delays = { p50: p50Ms, p99: p99Ms, far50: afterAnswer.p50Ms, far99: afterAnswer.p99Ms };
  return { ...usedSince(before, subject, run.deliveries), perSecond: run.deliveries / run.seconds, ...delays };
}

async function sent(subject: Subject, turn: number): Promise<Sample> {
  const before = cpuOf(subject);
  const [seconds, p50, p99] = await subject.send(turn);
  return { ...usedSince(before, subject, SENDS), perSecond: SENDS / seconds, p50, p99, far50: 0, far99: 0 };
}

function rowsOf(name: string, measured: Readonly<Record<string, Record<keyof Sample, Figure>>>): string[][] {
  const [first] = Object.values(measured);
  const isThere = (figure: Figure, text: string) => (figure.max === 0 ? "–" : text);
  return Object.entries(measured).map(([subject, one]) => [
    name,
    subject,
    shown(one.cpu),
    first ? ratio(one.cpu, first.cpu) : "",
    shown(one.asked),
    ...[one.others, one.postgres, one.service].map((figure) => isThere(figure, shown(figure))),
    shown(one.perSecond, 0),
    shown(one.p50, 1),
    shown(one.p99, 1),
    isThere(one.far99, `${shown(one.far50, 1)}, ${shown(one.far99, 1)}`),
  ]);
}
