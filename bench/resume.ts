import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { Crowd, type CrowdResumed, NUMBER } from "./crowd.ts";
import { type ManyRooms, PEOPLE, ROOMS, ROOMS_EACH, seedManyRooms } from "./many-rooms.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { MeasuredServer } from "./measured-server.ts";
import { compile } from "./native.ts";
import { machine, ratio, shown, table } from "./report.ts";
import { takeTurns } from "./rounds.ts";
import { send, TEXT } from "./send.ts";

/**
 * How long it takes until ten thousand clients have what they missed. A turn: all are live and the server is killed; it is
 * started again, and a message is said in each room while they are away; it is killed again and started again, and all
 * connect as fast as they can, each with its cursor. Each has to get exactly its twenty messages before it is told that it
 * is live. The reference is the runtime's engine, which sends as many frames of the same bytes from memory.
 */
export const resume: Benchmark = {
  name: "resume",
  about: "10 000 clients resume with 20 missed events each after kill -9, beside the bare engine (takes 4 minutes)",
  run: runResume,
};

const SETTINGS = { IDLE_MS: "600000" };
const SENDERS = 32;

interface Place extends ManyRooms {
  readonly folder: string;
  readonly crowd: string;
}

type Sample = {
  fromStart: number;
  toReady: number;
  allLive: number;
  p50: number;
  p99: number;
  cpu: number;
  mb: number;
};

async function runResume({ rounds }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  try {
    console.log(`resume, ${rounds} rounds, median (min–max); ${machine()}`);
    const place = { ...(await seedManyRooms(folder)), folder, crowd: await compile("crowd", folder) };
    console.log(`${PEOPLE} clients, each in ${ROOMS_EACH} of ${ROOMS} rooms, one message in each room missed\n`);
    let turn = 0;
    let frame = "";
    const measured = await takeTurns(
      {
        Parley: async () => {
          const cursors = await leaveAndMiss(place, turn++, (one) => {
            frame = one;
          });
          return comeBack(place, cursors);
        },
        "bare engine": () => bareEngine(place, frame),
      },
      rounds,
    );
    const reference = measured["bare engine"].allLive;
    const rows = Object.entries(measured).map(([name, of]) => [
      name,
      shown(of.allLive),
      ratio(of.allLive, reference),
      shown(of.fromStart),
      shown(of.toReady),
      shown(of.p50, 0),
      shown(of.p99, 0),
      shown(of.cpu, 0),
      shown(of.mb, 0),
    ]);
    const head = ["subject", "s, first connect to all live", "to bare engine", "s, from start", "s, start to ready"];
    console.log(table([...head, "p50 ms", "p99 ms", "CPU µs/client", "RSS MB"], rows));
    console.log(`\nEach client got exactly ${ROOMS_EACH} messages in each turn, and nothing else that is logged.`);
    console.log("p50 and p99: from a client's connect until it is live, with 400 of them on their way at a time.");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns the file of the cursors that everybody left with */
async function leaveAndMiss(place: Place, turn: number, onFrame: (frame: string) => void): Promise<string> {
  const cursors = join(place.folder, "cursors");
  const before = await MeasuredServer.start(place.dataDir, SETTINGS);
  try {
    const crowd = await openCrowd(place, { port: before.port, live: '{"type":103' });
    await crowd.writeCursors(cursors);
    await crowd.pause();
    await before.kill();
    await crowd.close();
  } finally {
    await before.kill();
  }
  const meanwhile = await MeasuredServer.start(place.dataDir, SETTINGS);
  try {
    let next = 0;
    const sender = async () => {
      while (next < place.rooms.length) {
        const room = place.rooms[next++] as ManyRooms["rooms"][number];
        const token = room.members[0]?.token as string;
        const clientId = `turn-${turn}-${room.roomId}`;
        const message = await send(meanwhile, { token, roomId: room.roomId, clientId, content: TEXT });
        onFrame(`{"type":4,"stream":"room:${room.roomId}","seq":${40 + turn},"data":${JSON.stringify(message)}}`);
      }
    };
    await Promise.all(Array.from({ length: SENDERS }, sender));
  } finally {
    await meanwhile.kill();
  }
  return cursors;
}

async function comeBack(place: Place, cursors: string): Promise<Sample> {
  const startedMs = performance.now();
  const server = await MeasuredServer.start(place.dataDir, SETTINGS);
  try {
    const readyMs = performance.now();
    return await resumeAll(place, { server, port: server.port, cursors, startedMs, readyMs });
  } finally {
    await server.kill();
  }
}

async function bareEngine(place: Place, frame: string): Promise<Sample> {
  const backlog = join(place.folder, "frame");
  await Bun.write(backlog, frame);
  const startedMs = performance.now();
  const program = new URL("./bare-engine.ts", import.meta.url).pathname;
  const topics = ["--topics", String(ROOMS), "--each", String(ROOMS_EACH)];
  const server = new MeasuredProcess(
    [process.execPath, program, ...topics, "--backlog", backlog, "--backlog-times", String(ROOMS_EACH)],
    { core: 0 },
  );
  try {
    const port = Number((await server.line(/^ready (\d+)/))[1]);
    const readyMs = performance.now();
    return await resumeAll(place, { server, port, cursors: join(place.folder, "cursors"), startedMs, readyMs });
  } finally {
    await server.kill();
  }
}

async function resumeAll(
  place: Place,
  back: { server: MeasuredProcess; port: number; cursors: string; startedMs: number; readyMs: number },
): Promise<Sample> {
  const { server, port, cursors, startedMs, readyMs } = back;
  const before = server.cpuNanoseconds();
  const crowd = await openCrowd(place, { port, live: "-", cursors });
  const fromStart = (performance.now() - startedMs) / 1000;
  const cpu = (server.cpuNanoseconds() - before) / 1000 / PEOPLE;
  const mb = server.residentBytes() / 1e6;
  await crowd.pause();
  await server.kill();
  await crowd.close();
  const { seconds: allLive, fewest, most, others, p50Ms: p50, p99Ms: p99 } = crowd.resumed as CrowdResumed;
  if (fewest !== ROOMS_EACH || most !== ROOMS_EACH || others !== 0)
    throw new Error(`a client got ${fewest} to ${most} messages instead of ${ROOMS_EACH}; ${others} other frames came`);
  return { fromStart, toReady: (readyMs - startedMs) / 1000, allLive, p50, p99, cpu, mb };
}

function openCrowd(place: Place, at: { port: number; live: string; cursors?: string }): Promise<Crowd> {
  const { folder, tokens, crowd: program } = place;
  // Nobody publishes here.
  return Crowd.open({ folder, tokens, program, readers: PEOPLE, publish: "/", template: NUMBER, ...at });
}
