import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { Crowd, type CrowdRun, NUMBER } from "./crowd.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { MeasuredServer } from "./measured-server.ts";
import { compile } from "./native.ts";
import { machine, ratio, shown, table } from "./report.ts";
import { type Figure, takeTurns } from "./rounds.ts";
import { type SeededPerson, seed, writeTokens } from "./seed.ts";
import { warmUp } from "./warm-up.ts";

/**
 * What it costs to bring one message to everybody in a room: CPU time of the server, all of it (request, storage, log,
 * fan-out), divided by the deliveries. Beside it the bare C broadcaster, which only writes, and the runtime's engine alone.
 */
export const fanout: Benchmark = {
  name: "fanout",
  about: "server CPU per delivery in a room of 1 000 and 10 000, beside a bare broadcaster in C",
  run: runFanout,
};

const CASES = [
  { name: "1000x1", readers: 1000, inFlight: 1, times: 400 },
  { name: "1000x16", readers: 1000, inFlight: 16, times: 100 },
  { name: "10000x1", readers: 10_000, inFlight: 1, times: 60 },
  { name: "10000x16", readers: 10_000, inFlight: 16, times: 15 },
  { name: "rate", readers: 10_000, perSecond: 100, messages: 1000 },
] as const;

type Case = (typeof CASES)[number];

/** Long enough that no reader is cut as idle while others have their turn. */
const SETTINGS = { IDLE_MS: "600000", TAIL_BYTES: "16777216" };
/** How a reader's last frame before its turn begins: with RED_DOT. */
const LIVE = '{"type":103';

async function runFanout({ rounds, only }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  try {
    const native = { broadcaster: await compile("broadcaster", folder), crowd: await compile("crowd", folder) };
    console.log(`fanout, ${rounds} rounds, median (min–max); ${machine()}\n`);
    const rows: string[][] = [];
    for (const readers of [1000, 10_000]) {
      const cases = CASES.filter((one) => one.readers === readers && (only ?? one.name) === one.name);
      if (cases.length === 0) continue;
      const subjects = await openSubjects({ folder, native, readers });
      try {
        for (const one of cases) {
          // The broadcaster takes a minute for what is sent to it in ten seconds, so it is no reference for what a second holds.
          const able = subjects.filter(({ name }) => !("perSecond" in one) || name !== "broadcaster");
          rows.push(...rowsOf(one, await measure(one, { subjects: able, rounds })));
        }
      } finally {
        await Promise.all(subjects.map((subject) => subject.close()));
      }
    }
    console.log(
      table(["case", "subject", "CPU µs/delivery", "to broadcaster", "deliveries/s", "p50 ms", "p99 ms"], rows),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Subject {
  readonly name: string;
  readonly server: MeasuredProcess;
  readonly crowd: Crowd;
  close(): Promise<void>;
}

interface Parts {
  readonly folder: string;
  readonly native: { broadcaster: string; crowd: string };
  readonly readers: number;
}

async function openSubjects(parts: Parts): Promise<Subject[]> {
  const { folder, readers } = parts;
  const dataDir = join(folder, `data-${readers}`);
  const { people, rooms } = await seed(dataDir, { people: readers, rooms: (uids) => [uids, uids.slice(0, 1)] });
  const tokens = await writeTokens(folder, people);
  const server = await MeasuredServer.start(dataDir, SETTINGS);
  const first = people[0] as SeededPerson;
  await warmUp({ url: server.url, token: first.token, roomId: rooms[1] as number });
  const publish = `/api/v1/rooms/${rooms[0]}/messages`;
  const text = `t=${NUMBER} a message as people write them: a line of text and not much more than that`;
  const template = JSON.stringify({ clientId: NUMBER, type: 1, body: { content: text } });
  const wish = { ...parts, program: parts.native.crowd, tokens };
  const crowd = await Crowd.open({ ...wish, port: server.port, live: LIVE, publish, template });
  const frame = await frameOf({ url: server.url, people, publish });
  const references = [
    { name: "broadcaster", command: [parts.native.broadcaster] },
    { name: "bare engine", command: [process.execPath, new URL("./bare-engine.ts", import.meta.url).pathname] },
  ];
  const subjects: Subject[] = [{ name: "Parley", server, crowd, close: () => closeAll(crowd, server) }];
  for (const { name, command } of references) {
    const server = new MeasuredProcess(command, { core: 0 });
    const port = Number((await server.line(/^ready (\d+)/))[1]);
    const crowd = await Crowd.open({ ...wish, port, live: "", publish: "ws", template: frame });
    subjects.push({ name, server, crowd, close: () => closeAll(crowd, server) });
  }
  return subjects;
}

async function closeAll(crowd: Crowd, server: MeasuredProcess): Promise<void> {
  await crowd.close();
  await server.kill();
}

/** A frame as Parley sends it, so that the references send the same bytes: the second person sees what the first one says. */
async function frameOf(parts: { url: string; people: readonly SeededPerson[]; publish: string }): Promise<string> {
  const [sender, reader] = parts.people as [SeededPerson, SeededPerson];
  const socket = new WebSocket(`${parts.url.replace("http", "ws")}/ws`, ["parley", reader.token]);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  socket.onerror = () => reject(new Error("the connection failed"));
  socket.onmessage = async ({ data }) => {
    if (String(data).startsWith('{"type":4,')) resolve(String(data));
    if (!String(data).startsWith(LIVE)) return;
    const content = `t=${"0".repeat(20)} a message as people write them: a line of text and not much more than that`;
    const body = JSON.stringify({ clientId: "0".repeat(20), type: 1, body: { content } });
    const headers = { Authorization: `Bearer ${sender.token}`, "Content-Type": "application/json" };
    const reply = await fetch(parts.url + parts.publish, { method: "POST", headers, body });
    if (!reply.ok) reject(new Error(await reply.text()));
  };
  const frame = await promise;
  socket.close();
  return frame.replace("0".repeat(20), NUMBER);
}

type Sample = { cpu: number; perSecond: number; p50: number; p99: number; busy: number };

async function measure(
  one: Case,
  { subjects, rounds }: { subjects: readonly Subject[]; rounds: number },
): Promise<Record<string, Record<keyof Sample, Figure>>> {
  const turns = subjects.map(({ name, server, crowd }) => [
    name,
    async (): Promise<Sample> => {
      const before = server.cpuNanoseconds();
      const run: CrowdRun =
        "perSecond" in one
          ? await crowd.rate(one.perSecond, one.messages)
          : await crowd.rounds(one.inFlight, one.times);
      const nanoseconds = server.cpuNanoseconds() - before;
      return {
        cpu: nanoseconds / 1000 / run.deliveries,
        perSecond: run.deliveries / run.seconds,
        p50: run.p50Ms,
        p99: run.p99Ms,
        busy: nanoseconds / 1e9 / run.seconds,
      };
    },
  ]);
  return takeTurns<string, Sample>(Object.fromEntries(turns), rounds);
}

function rowsOf(one: Case, measured: Record<string, Record<keyof Sample, Figure>>): string[][] {
  const reference = measured.broadcaster?.cpu;
  return Object.entries(measured).map(([name, { cpu, perSecond, p50, p99 }]) => [
    one.name,
    name,
    shown(cpu, 3),
    reference ? ratio(cpu, reference) : "–",
    shown(perSecond, 0),
    shown(p50, 1),
    shown(p99, 1),
  ]);
}
