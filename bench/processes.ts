import type { Benchmark } from "./benchmark.ts";
import { measureReaders } from "./rooms-of-readers.ts";

/**
 * What several processes cost and bring on one machine, on SQLite: one process beside a supervisor with two, under the same load in the same run. On
 * PostgreSQL: `cluster`.
 */
export const processes: Benchmark = {
  name: "processes",
  about: "PROCESSES=1 beside 2 on SQLite: deliveries to 2 000 readers, and durable sends at 64 in flight",
  run: (options) => measureReaders("processes", SUBJECTS, options),
};

const SUBJECTS = {
  "one process": { kind: "SQLite" },
  "2 processes": { kind: "SQLite", settings: { PROCESSES: "2" } },
} as const;
