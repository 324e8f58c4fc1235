import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { Crowd, NUMBER } from "./crowd.ts";
import { type ManyRooms, PEOPLE, ROOM_SIZE, ROOMS, ROOMS_EACH, seedManyRooms } from "./many-rooms.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { MeasuredServer } from "./measured-server.ts";
import { compile } from "./native.ts";
import { machine, ratio, shown, table } from "./report.ts";
import { takeTurns } from "./rounds.ts";

/**
 * What it costs when ten thousand different people connect as fast as they can: from the first TCP connection until each has
 * its RED_DOT, and again when everybody has also been told who is online. Each turn begins with a server that has
 * just started, as after a restart. The reference is the runtime's engine with as many subscriptions, which sends one short frame.
 */
export const connect: Benchmark = {
  name: "connect",
  about: "10 000 signed-in people connect at once, beside the bare engine (5 rounds take 4 minutes)",
  run: runConnect,
};

const SETTINGS = { IDLE_MS: "600000" };
/** The server has finished telling everybody who is online when it takes less than this share of its processor. */
const QUIET_PART = 0.03;
const QUIET_MS = 1000;

interface Place extends ManyRooms {
  readonly folder: string;
  readonly crowd: string;
}

type Sample = { seconds: number; cpu: number; cpuWithPresence: number; kbSeen: number };

async function runConnect({ rounds }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  try {
    console.log(`connect, ${rounds} rounds, median (min–max); ${machine()}`);
    const place = { ...(await seedManyRooms(folder)), folder, crowd: await compile("crowd", folder) };
    console.log(`${PEOPLE} people, each in ${ROOMS_EACH} of ${ROOMS} rooms of ${ROOM_SIZE}\n`);
    const measured = await takeTurns({ Parley: () => parley(place), "bare engine": () => bareEngine(place) }, rounds);
    const reference = measured["bare engine"];
    const rows = Object.entries(measured).map(([name, of]) => [
      name,
      shown(of.seconds),
      shown(of.cpu, 0),
      ratio(of.cpu, reference.cpu),
      shown(of.cpuWithPresence, 0),
      shown(of.kbSeen, 1),
    ]);
    const head = ["subject", "s, all have RED_DOT", "CPU µs/person", "to bare engine", "CPU µs/person with presence"];
    console.log(table([...head, "KB/person received"], rows));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function parley(place: Place): Promise<Sample> {
  const server = await MeasuredServer.start(place.dataDir, SETTINGS);
  return storm(place, { server, port: server.port });
}

async function bareEngine(place: Place): Promise<Sample> {
  const program = new URL("./bare-engine.ts", import.meta.url).pathname;
  const topics = ["--topics", String(ROOMS), "--each", String(ROOMS_EACH), "--first", '{"type":103}'];
  const server = new MeasuredProcess([process.execPath, program, ...topics], { core: 0 });
  return storm(place, { server, port: Number((await server.line(/^ready (\d+)/))[1]) });
}

async function storm(place: Place, { server, port }: { server: MeasuredProcess; port: number }): Promise<Sample> {
  const { folder, tokens, crowd: program } = place;
  try {
    const startedMs = performance.now();
    const before = server.cpuNanoseconds();
    const wish = { folder, tokens, program, port, readers: PEOPLE, live: '{"type":103', template: NUMBER };
    // Nobody publishes here.
    const crowd = await Crowd.open({ ...wish, publish: "/" });
    const seconds = (performance.now() - startedMs) / 1000;
    const cpu = server.cpuNanoseconds() - before;
    await quiet(server);
    const cpuWithPresence = server.cpuNanoseconds() - before;
    const kbSeen = (await crowd.bytesIn()) / 1000 / PEOPLE;
    await crowd.pause();
    await server.kill();
    await crowd.close();
    return { seconds, cpu: cpu / 1000 / PEOPLE, cpuWithPresence: cpuWithPresence / 1000 / PEOPLE, kbSeen };
  } finally {
    await server.kill();
  }
}

/** Resolves when a server has done its work. Heartbeats do not matter, since it does not answer them. */
async function quiet(server: MeasuredProcess): Promise<void> {
  for (;;) {
    const before = server.cpuNanoseconds();
    await Bun.sleep(QUIET_MS);
    if ((server.cpuNanoseconds() - before) / 1e6 < QUIET_MS * QUIET_PART) return;
  }
}
