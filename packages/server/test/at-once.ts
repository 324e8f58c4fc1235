import { delay } from "../src/lib/interval.ts";

/** About as many as a server answers in a second, and many times what anything needs that waits for no timer. */
const REQUESTS = 5000;
const LOOK_MS = 20;

/**
 * Waits for what a server in this process does by itself at once. How long that may take is counted in requests that the server answers
 * meanwhile, not in seconds: a machine that stands still keeps both waiting.
 * @param options.afterMs how long the server may wait for a timer of its own before it does it; this waits for timers of the same loop
 */
export async function atOnce(
  url: string,
  what: string,
  holds: () => unknown,
  { afterMs = 0 }: { afterMs?: number } = {},
): Promise<void> {
  for (let waitedMs = 0; waitedMs < afterMs && !holds(); waitedMs += LOOK_MS) await delay(LOOK_MS);
  for (let requests = 0; !holds(); requests++) {
    if (requests === REQUESTS) throw new Error(`${REQUESTS} requests were answered and still not: ${what}`);
    await (await fetch(`${url}/healthz`, { tls: { rejectUnauthorized: false } })).text();
  }
}
