import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { TestServer } from "../packages/server/test/harness.ts";
import { runEnded } from "../packages/server/test/left-running.ts";
import { onPostgres } from "../packages/server/test/test-database.ts";
import { PUSHED_KINDS } from "./constants.ts";
import { Fuzzer } from "./fuzzer.ts";

const { values } = parseArgs({ options: { inputs: { type: "string" }, seed: { type: "string" } } });
/** The length of a long run, in which each operation has to be reached. */
const LONG = 100_000;
const inputs = Number(values.inputs ?? LONG);
const seed = Number(values.seed ?? randomInt(2 ** 31));
const again = onPostgres ? "TEST_DATABASE=postgres npm run" : "npm run";
console.log(`${inputs} inputs, seed ${seed}; again with: ${again} test:fuzz -- --inputs ${inputs} --seed ${seed}`);

const server = await TestServer.start({ HALL: "public", CUSTOM_KINDS: PUSHED_KINDS, RATE_LIMITS: "off" });
const begunAt = performance.now();
const found = await new Fuzzer(server, seed).run(inputs);
await server.stop();
await runEnded();

const sent = Object.values(found.inputs).reduce((sum, count) => sum + count, 0);
console.log(`${sent} in ${((performance.now() - begunAt) / 1000).toFixed(0)} s: ${JSON.stringify(found.inputs)}`);
console.log(`replies by status: ${JSON.stringify(found.byStatus)}`);
console.log(`operations that never had a 2xx: ${found.unreached.join(", ") || "none"}`);
for (const fault of found.faults) console.log(`FAULT ${fault}`);
/** A short run does not reach everything. */
const missed = inputs < LONG ? [] : found.unreached;
const isGood = found.faults.length === 0 && missed.length === 0;
console.log(isGood ? "passed" : `${found.faults.length} faults, ${missed.length} operations not reached`);
process.exit(isGood ? 0 : 1);
