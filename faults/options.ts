import { parseArgs } from "node:util";

export interface Options {
  readonly seed: number;
  /** How long incidents happen; making the world before and catching up afterwards come on top. */
  readonly seconds: number;
  /** How many events the log should have at the end, if the machine is fast enough. */
  readonly events: number;
  readonly kills: number;
  readonly disconnects: number;
  readonly clients: number;
  readonly rooms: number;
  /** The file to which the figures are also written. */
  readonly json: string | undefined;
}

export const USAGE = `Usage: npm run test:faults -- [options]

  --seed N         of an earlier run, to have the same plan again   [random]
  --seconds N      for which things happen                          [40]
  --events N       in the log at the end                            [300 a second]
  --disconnects N  forced                                           [8 a second]
  --kills N        of the server, by SIGKILL                        [one every 8 seconds]
  --clients N                                                       [32]
  --rooms N                                                         [40]
  --json FILE      writes the figures there, too`;

/** The command that repeats the run: the plan depends on all of these. */
export function againWith(options: Options): string {
  const { json: _, ...numbers } = options;
  const flags = Object.entries(numbers).map(([name, value]) => `--${name} ${value}`);
  return `npm run test:faults -- ${flags.join(" ")}`;
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
      json: { type: "string" },
    },
  });
  const number = (name: Exclude<keyof typeof values, "json">, otherwise: number, least = 0): number => {
    const text = values[name];
    if (text === undefined) return otherwise;
    if (!/^\d{1,10}$/.test(text) || Number(text) < least) throw new TypeError(`--${name} is ${text}, wanted a number`);
    return Number(text);
  };
  const seconds = number("seconds", 40, 1);
  return {
    seed: number("seed", Math.floor(Math.random() * 2 ** 31)),
    seconds,
    events: number("events", seconds * 300),
    disconnects: number("disconnects", seconds * 8),
    kills: number("kills", Math.ceil(seconds / 8)),
    clients: number("clients", 32, 4),
    rooms: number("rooms", 40, 4),
    json: values.json,
  };
}
