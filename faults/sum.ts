import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Sums, summed, table } from "./sums.ts";

/**
 * `npm run test:faults:sum -- --for SECONDS [--json FILE] -- <options of a run>`: one run of the fault test after the other, each with a seed of its own,
 * until the time is over; then the sums of their figures, as a table for docs/faults.md. With `--json` the sums are kept in a file, to which a later call adds.
 * It goes on after a run that failed, whose seed and failures it names, and ends with 1.
 */
const { values, positionals } = parseArgs({
  args: Bun.argv.slice(2),
  options: { for: { type: "string" }, json: { type: "string" } },
  allowPositionals: true,
});
const seconds = Number(values.for);
if (!(seconds > 0)) {
  console.error("Usage: npm run test:faults:sum -- --for SECONDS [--json FILE] -- <options of a run>");
  process.exit(2);
}

const MAIN = new URL("./main.ts", import.meta.url).pathname;
const file = join(tmpdir(), `parley-faults-${process.pid}.json`);
const begunAt = performance.now();
let sums: Sums | undefined =
  values.json !== undefined && existsSync(values.json) ? JSON.parse(readFileSync(values.json, "utf8")) : undefined;

let longestMs = 0;
// The next run is begun only if one as long as the longest so far is over in time.
while (performance.now() - begunAt + longestMs < seconds * 1000) {
  const from = performance.now();
  const run = Bun.spawn([process.execPath, MAIN, ...positionals, "--json", file], {
    stdin: "ignore",
    stdout: "inherit",
  });
  await run.exited;
  longestMs = Math.max(longestMs, performance.now() - from);
  if (!existsSync(file)) {
    console.error("a run ended without figures");
    process.exit(1);
  }
  sums = summed(sums, JSON.parse(readFileSync(file, "utf8")));
  await Bun.file(file).delete();
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(sums, null, 2)}\n`);
}
if (sums) console.log(table(sums));
for (const failure of sums?.failures ?? []) console.error(`FAIL  ${failure}`);
process.exit(sums && sums.failures.length === 0 ? 0 : 1);
