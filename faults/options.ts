import { parseArgs } from "node:util";
import { needs } from "../packages/server/test/needs.ts";
import { onPostgres } from "../packages/server/test/test-database.ts";
import type { BusKind } from "./cluster/plan.ts";

export interface Options {
  readonly seed: number;
  /** How long incidents happen, or longer where the machine is slow; making the world before and catching up afterwards come on top. */
  readonly seconds: number;
  /** How many events the log should have at the end, if the machine is fast enough. */
  readonly events: number;
  readonly kills: number;
  readonly disconnects: number;
  readonly clients: number;
  readonly rooms: number;
  /** How many servers share one database; 1 is a server alone. */
  readonly nodes: number;
  /** How several servers hear of each other. */
  readonly bus: BusKind;
  /** The file to which the figures are also written. */
  readonly json: string | undefined;
  /** The folder in which the logs of several servers are kept. */
  readonly logs: string | undefined;
}

/** A slow machine leaves out what it cannot manage; a run that did less than this part does not count. */
export const LEAST_OF_ASKED = 0.5;

export const USAGE = `Usage: npm run test:faults -- [options]

  --seed N         of an earlier run, to have the same plan again   [random]
  --seconds N      for which things happen                          [40]
  --events N       in the log at the end                            [300 a second]
  --disconnects N  forced                                           [8 a second]
  --kills N        of the server, by SIGKILL                        [one every 8 seconds; of several, every 20]
  --clients N                                                       [32]
  --rooms N                                                         [40]
  --nodes N        servers on one PostgreSQL, which breaks, too     [1]
  --bus redis      or notify: how several servers hear of each other [redis]
  --json FILE      writes the figures there, too
  --logs DIR       keeps there what several servers log

With TEST_DATABASE=postgres a server alone keeps its data in PostgreSQL.`;

/** The command that repeats the run: the plan depends on all of these, and what happens also on the database. */
export function againWith(options: Options): string {
  const { json: _, logs: __, ...numbers } = options;
  const flags = Object.entries(numbers).map(([name, value]) => `--${name} ${value}`);
  return `${onPostgres && options.nodes === 1 ? "TEST_DATABASE=postgres " : ""}npm run test:faults -- ${flags.join(" ")}`;
}

/** A program that the run needs and that is not there. @throws Error with CI set */
export function missingFor({ nodes, bus }: Options): string | undefined {
  if (nodes === 1) return undefined;
  return ["postgres", "initdb", ...(bus === "redis" ? ["redis-server"] : [])].find((one) => needs(one) === undefined);
}

/** @throws TypeError for options that the usage does not name */
export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seed: { type: "string" },
      seconds: { type: "string" },
      events: { type: "string" },
      disconnects: { type: "string" },
      kills: { type: "string" },
      clients: { type: "string" },
      rooms: { type: "string" },
      nodes: { type: "string" },
      bus: { type: "string" },
      json: { type: "string" },
      logs: { type: "string" },
    },
  });
  const number = (
    name: Exclude<keyof typeof values, "json" | "logs" | "bus">,
    otherwise: number,
    least = 0,
  ): number => {
    const text = values[name];
    if (text === undefined) return otherwise;
    if (!/^\d{1,10}$/.test(text) || Number(text) < least) throw new TypeError(`--${name} is ${text}, wanted a number`);
    return Number(text);
  };
  const seconds = number("seconds", 40, 1);
  const nodes = number("nodes", 1, 1);
  const { bus = "redis" } = values;
  if (bus !== "redis" && bus !== "notify") throw new TypeError(`--bus is ${bus}, wanted redis or notify`);
  return {
    seed: number("seed", Math.floor(Math.random() * 2 ** 31)),
    seconds,
    events: number("events", seconds * 300),
    disconnects: number("disconnects", seconds * 8),
    kills: number("kills", Math.ceil(seconds / (nodes > 1 ? 20 : 8))),
    clients: number("clients", 32, 4),
    rooms: number("rooms", 40, 4),
    nodes,
    bus,
    json: values.json,
    logs: values.logs,
  };
}
