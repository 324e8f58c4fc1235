import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { Crowd, NUMBER } from "./crowd.ts";
import { copyOf, type ManyRooms, PEOPLE, ROOM_SIZE, ROOMS, ROOMS_EACH, seedManyRooms } from "./many-rooms.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { MeasuredServer } from "./measured-server.ts";
import { compile } from "./native.ts";
import { machine, ratio, shown, table } from "./report.ts";
import { type Figure, figuresOf } from "./rounds.ts";
import type { SeededPerson } from "./seed.ts";
import { TEXT } from "./send.ts";
import { warmUp } from "./warm-up.ts";

/**
 * What ten thousand connections cost that have nothing to do but stay alive: memory and CPU time, for each. The reference is
 * the runtime's engine with as many subscriptions.
 *
 * A round: each subject gets a new process, since memory is never given back completely. It is warmed up by sends (the engine
 * is not), and left alone until its memory stays the same; that is the memory before. Then it gets its
 * connections. When all subjects have theirs, they are left alone again until the memory of all stays the same. Then comes a
 * minute at rest, in which CPU time is taken, and after it the memory is taken again.
 */
export const idle: Benchmark = {
  name: "idle",
  about: "memory and CPU of 10 000 idle connections, beside the bare engine (5 rounds take 27 minutes; --only SUBJECT)",
  run: runIdle,
};

const REST = { perSecond: 0, leadSeconds: 0, seconds: 60, recipients: 0 };
const TALK = { perSecond: 10, leadSeconds: 1, seconds: 10, recipients: ROOM_SIZE };
/** Memory counts as steady when it changes by less than this share over this time. */
const STEADY_PART = 0.002;
const STEADY_MS = 10_000;
const STEADY_MOST_MS = 90_000;

const SUBJECTS = {
  websocket: { program: "crowd", live: '{"type":103' },
  sse: { program: "http-readers", live: "sse" },
  "long-poll": { program: "http-readers", live: "long:60" },
  "bare-engine": { program: "crowd", live: '{"type":103' },
} as const;

type Name = keyof typeof SUBJECTS;
type Sample = { bytes: number; cpu: number; alone: number; p99: number; before: number };

interface Place extends ManyRooms {
  readonly folder: string;
  readonly programs: Readonly<Record<"crowd" | "http-readers", string>>;
  /** A data folder for each server. */
  readonly dataDirs: Readonly<Record<string, string>>;
}

async function runIdle({ rounds, only }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  try {
    console.log(`idle, ${rounds} rounds, median (min–max); ${machine()}`);
    const programs = { crowd: await compile("crowd", folder), "http-readers": await compile("http-readers", folder) };
    const names = (Object.keys(SUBJECTS) as Name[]).filter(
      (name) => [name, undefined].includes(only as Name) || name === "bare-engine",
    );
    const many = await seedManyRooms(folder);
    const dataDirs = Object.fromEntries(names.map((name) => [name, copyOf(many.dataDir, name)]));
    console.log(`${PEOPLE} connections, each in ${ROOMS_EACH} of ${ROOMS} rooms of ${ROOM_SIZE}\n`);
    const samples = new Map<Name, Sample[]>(names.map((name) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [name, sample] of await oneRound({ ...many, folder, programs, dataDirs }, names))
        samples.get(name)?.push(sample);
    }
    print(new Map([...samples].map(([name, of]) => [name, figuresOf(of)])));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function oneRound(place: Place, names: readonly Name[]): Promise<Map<Name, Sample>> {
  const open: Opened[] = [];
  try {
    for (const name of names) open.push(await connectAll(place, name));
    await Promise.all(open.map(({ server }) => steady(server)));
    const rested = await Promise.all(
      open.map(({ server, crowd }) => crowd.window(REST, () => server.cpuNanoseconds())),
    );
    const samples = new Map<Name, Sample>();
    for (const [index, { name, server, crowd, before, alone }] of open.entries()) {
      const bytes = (server.residentBytes() - before) / PEOPLE;
      const rest = rested[index];
      const cpu = ((rest?.after ?? 0) - (rest?.before ?? 0)) / 1000 / PEOPLE / REST.seconds;
      const { p99Ms } = await crowd.window(TALK, () => undefined);
      samples.set(name, { bytes, cpu, alone, p99: p99Ms, before: before / 1e6 });
    }
    return samples;
  } finally {
    for (const { server, crowd } of open) {
      await crowd.pause().catch(() => undefined);
      await server.kill();
      await crowd.close();
    }
  }
}

interface Opened {
  readonly name: Name;
  readonly server: MeasuredProcess;
  readonly crowd: Crowd;
  /** Resident bytes without connections. */
  readonly before: number;
  /** Microseconds of CPU time a second without connections. */
  readonly alone: number;
}

async function connectAll(place: Place, name: Name): Promise<Opened> {
  const bare = name === "bare-engine";
  const { server, port } = bare ? await startEngine() : await startServer(place, name);
  try {
    const alone = await steady(server);
    const before = server.residentBytes();
    const room = place.rooms.find(({ members }) => members.includes(place.people[0] as SeededPerson));
    const publish = bare ? "ws" : `/api/v1/rooms/${room?.roomId}/messages`;
    const text = { clientId: NUMBER, type: 1, body: { content: `t=${NUMBER} ${TEXT}` } };
    const template = bare ? `{"type":4,"stream":"room:2","data":${JSON.stringify(text)}}` : JSON.stringify(text);
    const { program, live } = SUBJECTS[name];
    const wish = { folder: place.folder, tokens: place.tokens, readers: PEOPLE, port, live, publish, template };
    const crowd = await Crowd.open({ ...wish, program: place.programs[program] });
    return { name, server, crowd, before, alone };
  } catch (error) {
    await server.kill();
    throw error;
  }
}

async function startServer(place: Place, name: Name): Promise<{ server: MeasuredProcess; port: number }> {
  const server = await MeasuredServer.start(place.dataDirs[name] as string);
  const token = place.people[0]?.token as string;
  // It sends in a separate room, whose events nobody else gets.
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const reply = await fetch(`${server.url}/api/v1/rooms`, { method: "POST", headers, body: '{"memberIds":[]}' });
  const { id: roomId } = (await reply.json()) as { id: number };
  await warmUp({ url: server.url, token, roomId });
  return { server, port: server.port };
}

async function startEngine(): Promise<{ server: MeasuredProcess; port: number }> {
  const program = new URL("./bare-engine.ts", import.meta.url).pathname;
  const topics = ["--topics", String(ROOMS), "--each", String(ROOMS_EACH), "--first", '{"type":103}'];
  const server = new MeasuredProcess([process.execPath, program, ...topics], { core: 0 });
  return { server, port: Number((await server.line(/^ready (\d+)/))[1]) };
}

/**
 * Waits until the memory of a process stays the same: the runtime collects what is unused by itself, a while after it was
 * last used. @returns microseconds of CPU time that it took a second meanwhile, at the end
 */
async function steady(server: MeasuredProcess): Promise<number> {
  const untilMs = performance.now() + STEADY_MOST_MS;
  for (;;) {
    const [bytes, cpu] = [server.residentBytes(), server.cpuNanoseconds()];
    await Bun.sleep(STEADY_MS);
    const used = (server.cpuNanoseconds() - cpu) / STEADY_MS;
    if (Math.abs(server.residentBytes() - bytes) < bytes * STEADY_PART || performance.now() > untilMs) return used;
  }
}

function print(measured: ReadonlyMap<Name, Record<keyof Sample, Figure>>): void {
  const reference = measured.get("bare-engine") as Record<keyof Sample, Figure>;
  const rows = [...measured].map(([name, of]) => [
    name,
    shown(of.bytes, 0),
    ratio(of.bytes, reference.bytes),
    shown(of.cpu, 2),
    ratio(of.cpu, reference.cpu),
    shown(of.p99, 1),
    shown(of.before, 0),
    shown(of.alone, 0),
  ]);
  const head = ["subject", "RSS bytes/connection", "to bare engine", "CPU µs/connection/s", "to bare engine", "p99 ms"];
  console.log(table([...head, "RSS MB before", "CPU µs/s before"], rows));
  console.log(`\np99: of ${TALK.perSecond} messages a second in one room of ${ROOM_SIZE}, while all the others rest.`);
  console.log("Heartbeats: every 10 s (WebSocket, engine). A poll hangs for 60 s, so each is asked again once.");
}
