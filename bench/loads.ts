import type { MeasuredPostgres } from "./measured-postgres.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { machine, ratio, shown, table } from "./report.ts";
import type { Figure } from "./rounds.ts";
import type { Store } from "./stores.ts";

/** What does a load's requests, and what they cost there. */
export interface Loaded {
  /** Their threads are told apart. */
  readonly nodes: readonly MeasuredProcess[];
  readonly postgres?: MeasuredPostgres | undefined;
  /** Requests of its first turn, which does not count. */
  readonly warmUp: number;
  /** @returns what a load program says at its end: seconds, and p50 and p99 in milliseconds */
  load(count: number, turn: number): Promise<Done>;
}

type Done = readonly [seconds: number, p50: number, p99: number];

/** CPU is for each request, in microseconds: all of it, the nodes', of it their main threads' and writers' threads', and PostgreSQL's. */
export type LoadSample = Record<"perSecond" | "p50" | "p99" | "cpu" | "node" | "main" | "writer" | "postgres", number>;

/** Of `native/http-load.c` and of programs that say the same. */
export const DONE = /^done (\S+) (\S+) (\S+)/;

export function doneOf([, seconds, p50, p99]: RegExpExecArray): Done {
  return [Number(seconds), Number(p50), Number(p99)];
}

/** Requests over HTTP to the nodes of a store, each node by a load program of its own. @param parts.what path or @file, as the program takes it */
export function overHttp(
  { nodes, tokens, postgres }: Pick<Store, "tokens" | "postgres"> & { readonly nodes: readonly PortOf[] },
  parts: { readonly load: string; readonly inFlight: number; readonly what: string; readonly warmUp: number },
): Loaded {
  const { load, inFlight, what, warmUp } = parts;
  const each = (number: number) => String(Math.ceil(number / nodes.length));
  return {
    nodes,
    postgres,
    warmUp,
    load: async (count, turn) => {
      const ends = await Promise.all(
        nodes.map(async ({ port }, node) => {
          const label = `${inFlight}-${turn}-${node}`;
          const command = [load, String(port), each(inFlight), each(count), label, tokens, what];
          return doneOf(await new MeasuredProcess(command, {}).line(DONE));
        }),
      );
      // The worst of the nodes.
      const most = (at: 0 | 1 | 2) => Math.max(...ends.map((end) => end[at]));
      return [most(0), most(1), most(2)];
    },
  };
}

type PortOf = MeasuredProcess & { readonly port: number };

/** A turn's figures. */
export function turnsOf({ nodes, postgres, warmUp, load }: Loaded, requests: number): () => Promise<LoadSample> {
  let turn = 0;
  return async () => {
    const count = turn === 0 ? warmUp : requests;
    const before = cpuOf(nodes);
    const postgresBefore = postgres?.cpuNanoseconds() ?? 0;
    const [seconds, p50, p99] = await load(count, turn++);
    const after = cpuOf(nodes);
    const used = (thread: string) => ((after.get(thread) ?? 0) - (before.get(thread) ?? 0)) / 1000 / count;
    const node = [...after.keys()].reduce((sum, thread) => sum + used(thread), 0);
    const ofPostgres = ((postgres?.cpuNanoseconds() ?? 0) - postgresBefore) / 1000 / count;
    const spent = { cpu: node + ofPostgres, node, main: used("main"), writer: used("Worker"), postgres: ofPostgres };
    return { perSecond: count / seconds, p50, p99, ...spent };
  };
}

function cpuOf(nodes: readonly MeasuredProcess[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const node of nodes)
    for (const [thread, used] of node.cpuByThread()) all.set(thread, (all.get(thread) ?? 0) + used);
  return all;
}

type Figures = Record<keyof LoadSample, Figure>;

/** A table of all subjects, each beside the reference that stands for it. @param parts.referenceOf the name of a subject's reference */
export function loadTable(
  measured: Readonly<Record<string, Figures>>,
  { each, referenceOf }: { each: string; referenceOf: (subject: string) => string },
): string {
  const rows = Object.entries(measured).map(([name, one]) => {
    const reference = measured[referenceOf(name)];
    return [
      name,
      shown(one.perSecond, 0),
      shown(one.p50, 1),
      shown(one.p99, 1),
      ...[one.cpu, one.node, one.main, one.writer, one.postgres].map((figure) => shown(figure, 0)),
      reference ? ratio(one.perSecond, reference.perSecond) : "",
      reference ? ratio(one.cpu, reference.cpu) : "",
    ];
  });
  const cpu = [`CPU µs/${each}`, "nodes", "main thread", "writer thread", "PostgreSQL"];
  return table(["subject", `${each}s/s`, "p50 ms", "p99 ms", ...cpu, "rate to SQLite", "CPU to SQLite"], rows);
}

/** The line above a table. */
export function heading(name: string, { rounds, requests }: { rounds: number; requests: number }): string {
  return `${name}, ${rounds} rounds of ${requests}, median (min–max); ${machine()}\n`;
}
