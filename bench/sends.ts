import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareDatabase } from "../packages/server/src/db/open.ts";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { MeasuredServer } from "./measured-server.ts";
import { compile } from "./native.ts";
import { machine, ratio, shown, table } from "./report.ts";
import { type Figure, takeTurns } from "./rounds.ts";
import { seed, writeTokens } from "./seed.ts";

/**
 * Messages over HTTP, each acknowledged after it is on the disk: how many a second, how long each takes, and what they cost
 * the server. The load is a program in C that shares the processors with the server and costs about a tenth of it. Beside
 * it, under the same load or the same batches, what no server can be without: the runtime's HTTP server with nothing behind
 * it, and SQLite with nothing before it.
 */
export const sends: Benchmark = {
  name: "sends",
  about: "durable sends over HTTP at 64 in flight, beside a bare HTTP server and bare SQLite commits",
  run: runSends,
};

const IN_FLIGHT = 64;
const SENDERS = 8;
/** Sends in a turn; the first turn of each subject, which does not count, has `WARM_UP`. */
const SENDS = 20_000;
const WARM_UP = 60_000;

type Sample = { perSecond: number; p50: number; p99: number; cpu: number; main: number; writer: number };

interface Subject {
  readonly process: MeasuredProcess;
  /** Does this much work, and prints `done <seconds> <p50 ms> <p99 ms>`. */
  load(count: number, turn: number): Promise<RegExpExecArray>;
}

async function runSends({ rounds, only }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  const subjects = new Map<string, Subject>();
  try {
    const load = await compile("http-load", folder);
    const { people, rooms } = await seed(join(folder, "data"), { people: SENDERS, rooms: (uids) => [uids] });
    const tokens = await writeTokens(folder, people);
    const overHttp = (process: MeasuredProcess, port: number): Subject => ({
      process,
      load: (count, turn) => {
        const path = `/api/v1/rooms/${rooms[0]}/messages`;
        const numbers = [port, IN_FLIGHT, count].map(String);
        return new MeasuredProcess([load, ...numbers, `turn-${turn}`, tokens, path], {}).line(DONE);
      },
    });
    const server = await MeasuredServer.start(join(folder, "data"), {}, "any");
    subjects.set("Parley", overHttp(server, server.port));
    const echo = await reference("bare-echo");
    subjects.set("bare HTTP", overHttp(echo.process, Number(echo.ready[1])));
    const commits = await reference("bare-commits", await prepareDatabase(join(folder, "bare"), Date.now()));
    const commit = (count: number) => {
      commits.process.tell(String(count));
      return commits.process.line(DONE);
    };
    subjects.set("bare commits", { process: commits.process, load: commit });
    const chosen = [...subjects].filter(([name]) => (only ?? name) === name);
    const turns = chosen.map(([name, subject]) => [name, turnsOf(subject)]);
    const measured = await takeTurns<string, Sample>(Object.fromEntries(turns), rounds);
    print(measured, rounds);
  } finally {
    for (const { process } of subjects.values()) await process.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

const DONE = /^done (\S+) (\S+) (\S+)/;

async function reference(
  name: string,
  ...args: string[]
): Promise<{ process: MeasuredProcess; ready: RegExpExecArray }> {
  const command = [process.execPath, new URL(`./${name}.ts`, import.meta.url).pathname, ...args];
  const started = new MeasuredProcess(command, {});
  return { process: started, ready: await started.line(/^ready ?(\d*)/) };
}

function turnsOf({ process, load }: Subject): () => Promise<Sample> {
  let turn = 0;
  return async () => {
    const count = turn === 0 ? WARM_UP : SENDS;
    const before = process.cpuByThread();
    const [, seconds, p50, p99] = await load(count, turn++);
    const after = process.cpuByThread();
    const used = (thread: string) => ((after.get(thread) ?? 0) - (before.get(thread) ?? 0)) / 1000 / count;
    const cpu = [...after.keys()].reduce((sum, thread) => sum + used(thread), 0);
    const spent = { cpu, main: used("main"), writer: used("Worker") };
    return { perSecond: count / Number(seconds), p50: Number(p50), p99: Number(p99), ...spent };
  };
}

function print(measured: Record<string, Record<keyof Sample, Figure>>, rounds: number): void {
  const ours = measured.Parley;
  const rows = Object.entries(measured).map(([name, { perSecond, p50, p99, cpu, main, writer }]) => [
    name,
    shown(perSecond, 0),
    shown(p50, 1),
    shown(p99, 1),
    shown(cpu, 0),
    shown(main, 0),
    shown(writer, 0),
    ours ? ratio(ours.perSecond, perSecond) : "",
    ours ? ratio(ours.cpu, cpu) : "",
  ]);
  console.log(`sends, ${rounds} rounds of ${SENDS}, ${IN_FLIGHT} in flight, median (min–max); ${machine()}\n`);
  const head = ["subject", "sends/s", "p50 ms", "p99 ms", "CPU µs/send", "of it main thread", "writer thread"];
  console.log(table([...head, "Parley's sends/s to it", "Parley's CPU to it"], rows));
  console.log("\np50 and p99 of bare commits: of one batch of 64.");
  const floor = (measured["bare HTTP"]?.cpu.median ?? 0) + (measured["bare commits"]?.cpu.median ?? 0);
  if (ours && rows.length === 3) {
    console.log(`Parley's CPU to both references together: ${(ours.cpu.median / floor).toFixed(2)} ×`);
  }
}
