import { parseArgs } from "node:util";
import { runEnded } from "../packages/server/test/left-running.ts";
import { haproxyFor, nginxFor } from "./balancers.ts";
import { run } from "./run.ts";

/*
 * `npm run test:rolling`: nodes are restarted one after another behind a balancer while requests and live connections go on. Prints what
 * was counted; the exit code is 0 if nobody noticed anything.
 */

const BALANCERS = { haproxy: haproxyFor, nginx: nginxFor };

const { values } = parseArgs({
  options: {
    balancer: { type: "string", default: "haproxy" },
    requests: { type: "string", default: "100000" },
    nodes: { type: "string", default: "3" },
    lines: { type: "string", default: "16" },
    readers: { type: "string", default: "4" },
    delay: { type: "string", default: "5" },
    drain: { type: "string", default: "2" },
  },
});
const balancer = BALANCERS[values.balancer as keyof typeof BALANCERS];
if (!balancer) {
  console.error(`--balancer is ${values.balancer}, wanted one of: ${Object.keys(BALANCERS).join(", ")}`);
  process.exit(2);
}
const begunAt = performance.now();
const { statuses, problems, restarts, ...result } = await run({
  balancer,
  nodes: Number(values.nodes),
  requests: Number(values.requests),
  lines: Number(values.lines),
  readers: Number(values.readers),
  settings: { DRAIN_DELAY_SECONDS: values.delay, DRAIN_SECONDS: values.drain },
  tell: (text) => console.log(text),
});
await runEnded();
const seconds = ((performance.now() - begunAt) / 1000).toFixed(0);
console.log(
  `${values.balancer}: ${result.requests} requests in ${seconds} s, by status ${JSON.stringify([...statuses])}`,
);
console.log(`${result.cuts} cut; ${result.retries} tried again by the balancer; ${restarts.length} restarts`);
console.log(`${result.messages} messages; readers came back ${result.returns} times`);
for (const problem of problems) console.log(`PROBLEM ${problem}`);
process.exit(problems.length === 0 ? 0 : 1);
