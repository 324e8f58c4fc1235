import { delay } from "../src/lib/interval.ts";
import type { TestServer } from "./harness.ts";

/** Nodes tell each other ten times a second what they have counted. */
const TOLD_MS = 300;
/** A hundred requests are added each second: after this time there are as many as at first. */
const FULL_MS = 6000;

/**
 * Uses up what this machine's address may ask one node for without a token (500 requests at once after a pause), and then asks another one. On a machine that
 * stands still at that moment the requests come back before they are missed, or are asked for before the other one is told; so it tries again and again.
 * Resolves when that one has refused one of 450 requests: by itself it would not, and this would reach the test's limit.
 */
export async function untilRefusedElsewhere(a: TestServer, b: TestServer): Promise<void> {
  const refusalsOf = async (server: TestServer, times: number) => {
    const ask = async () => (await server.api.call("GET", "/me")).status;
    const statuses = await Promise.all(Array.from({ length: times }, ask));
    return statuses.filter((status) => status === 429).length;
  };
  for (;;) {
    if ((await refusalsOf(a, 1500)) === 0) throw new Error("nothing was refused where it was used up");
    await delay(TOLD_MS);
    let refused = 0;
    for (let round = 0; round < 9 && refused === 0; round++) refused = await refusalsOf(b, 50);
    if (refused > 0) return;
    await delay(FULL_MS);
  }
}
