import { expect, test } from "bun:test";
import { randomInt } from "node:crypto";
import { PUSHED_KINDS } from "../../../fuzz/constants.ts";
import { Fuzzer } from "../../../fuzz/fuzzer.ts";
import { TestServer } from "./harness.ts";

const INPUTS = 1000;

test("HTTP-26, GW-34: requests and frames with one thing wrong are answered as the document says, and never by a server error", async () => {
  const seed = Number(Bun.env.FUZZ_SEED ?? randomInt(2 ** 31));
  console.log(`seed of the requests: ${seed} (npm run test:fuzz -- --inputs ${INPUTS} --seed ${seed})`);
  const server = await TestServer.start({ HALL: "public", CUSTOM_KINDS: PUSHED_KINDS, RATE_LIMITS: "off" });
  const { faults, inputs, byStatus } = await new Fuzzer(server, seed).run(INPUTS);
  expect(faults).toEqual([]);
  expect(inputs.mutated).toBeGreaterThan(INPUTS * 0.4);
  expect((byStatus[200] ?? 0) + (byStatus[201] ?? 0) + (byStatus[204] ?? 0)).toBeGreaterThan(INPUTS * 0.1);
}, 120_000);
