import { writeFileSync } from "node:fs";
import { runEnded } from "../packages/server/test/left-running.ts";
import { againWith, missingFor, type Options, readOptions, USAGE } from "./options.ts";
import { printed, reportOf } from "./report.ts";
import { run } from "./run.ts";

/**
 * `npm run test:faults`: clients of the SDK read while people write, and everything in between breaks: connections of every
 * transport, slow readers, memberships, the server itself by SIGKILL and SIGTERM, its clock. Then it counts, from the
 * database and the wire: lost, duplicated, reordered. All have to be zero. What happens is drawn from a seed, which is printed.
 *
 * Processes: this one (people, plan, verdict), the server, the network (`proxy.ts`), the clients (`clients.ts`). The checker
 * reads its evidence itself; none of it is imported from the client or the server. See docs/faults.md.
 */
let options: Options;
try {
  options = readOptions(Bun.argv.slice(2));
} catch (error) {
  console.error(`${(error as Error).message}\n\n${USAGE}`);
  process.exit(2);
}
const missing = missingFor(options);
if (missing !== undefined) {
  console.log(`skipped: ${missing} is not installed, which a run with several servers needs`);
  process.exit(0);
}
const again = againWith(options);
console.log(`seed ${options.seed}; again with: ${again}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => void runEnded().finally(() => process.exit(130)));
}
const commit = Bun.spawnSync(["git", "rev-parse", "--short=12", "HEAD"]).stdout.toString().trim() || "unknown";
const report = reportOf(await run(options, console.log), commit);
console.log(printed(report));
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
for (const failure of report.failures) console.error(`FAIL  ${failure}`);
await runEnded();
console.log(report.failures.length === 0 ? `passed; seed ${options.seed}` : `failed; again with: ${again}`);
process.exit(report.failures.length === 0 ? 0 : 1);
