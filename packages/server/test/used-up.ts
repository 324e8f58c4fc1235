import { delay } from "../src/lib/interval.ts";
import type { TestServer } from "./harness.ts";

/** Nodes tell each other ten times a second what they have counted. */
const TOLD_MS = 300;
/** A hundred requests are added each second: after this time there are as many as at first. */
const FULL_MS = 6000;

/**
 * Uses up what this machine's address may ask one node for without a token (500 requests at once after a pause), and then asks another one. On a machine that
 * stands still for seconds at that moment the requests come back before they are missed; so it tries three times.
 * @returns how often that one refused, of 450 times: by itself it would not
 */
export async function refusalsElsewhere(a: TestServer, b: TestServer): Promise<number> {
  const refusalsOf = async (server: TestServer, times: number) => {
    const ask = async () => (await server.api.call("GET", "/me")).status;
    const statuses = await Promise.all(Array.from({ length: times }, ask));
    return statuses.filter((status) => status === 429).length;
  };
  for (let tries = 1; ; tries++) {
    if ((await refusalsOf(a, 1500)) === 0) throw new Error("nothing was refused where it was used up");
    await delay(TOLD_MS);
    let refused = 0;
    for (let round = 0; round < 9 && refused === 0; round++) refused = await refusalsOf(b, 50);
    if (refused > 0 || tries === 3) return refused;
    await delay(FULL_MS);
  }
}
