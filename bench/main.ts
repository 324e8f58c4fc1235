import { parseArgs } from "node:util";
import type { Benchmark } from "./benchmark.ts";
import { bus } from "./bus.ts";
import { cluster } from "./cluster.ts";
import { connect } from "./connect.ts";
import { fairness } from "./fairness.ts";
import { fanout } from "./fanout.ts";
import { idle } from "./idle.ts";
import { marks } from "./marks.ts";
import { notify } from "./notify.ts";
import { processes } from "./processes.ts";
import { resume } from "./resume.ts";
import { sends } from "./sends.ts";
import { serverMessages } from "./server-messages.ts";
import { start } from "./start.ts";
import { transports } from "./transports.ts";
import { writes } from "./writes.ts";

/**
 * `npm run bench -- NAME`: measures the server beside a reference, in one run, and prints both and their ratio. Nothing
 * here asserts: machines differ and are noisy, so people read the figures, and CPU time is preferred to wall-clock time.
 *
 * Each benchmark starts the real server in its own process, on a free loopback port and in a temporary folder, loads
 * it within bounds, and stops what it started. Subjects take turns (A B A B …), at least five times each.
 */
const BENCHMARKS: readonly Benchmark[] = [
  bus,
  cluster,
  connect,
  fairness,
  fanout,
  idle,
  marks,
  notify,
  processes,
  resume,
  sends,
  serverMessages,
  start,
  transports,
  writes,
];

const { positionals, values } = parseArgs({
  args: Bun.argv.slice(2),
  allowPositionals: true,
  options: { rounds: { type: "string" }, only: { type: "string" }, help: { type: "boolean", short: "h" } },
});
const chosen = BENCHMARKS.filter(({ name }) => positionals[0] === name || positionals[0] === "all");
if (values.help || chosen.length === 0 || positionals.length !== 1) {
  const list = BENCHMARKS.map(({ name, about }) => `  ${name.padEnd(17)}${about}`).join("\n");
  console.log(
    `Usage: npm run bench -- NAME [--rounds N] [--only PART]\n\n${list}\n  ${"all".padEnd(17)}each of them, one after another; with --rounds 1 a quick look at everything`,
  );
  process.exit(values.help || positionals.length === 0 ? 0 : 1);
}
const rounds = Number(values.rounds ?? 5);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds is a whole number from 1 on");
for (const benchmark of chosen) await benchmark.run({ rounds, only: values.only });
