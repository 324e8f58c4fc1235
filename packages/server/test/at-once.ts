import { delay } from "../src/lib/interval.ts";
import type { TestServer } from "./harness.ts";

/** About as many as a server answers in a second, and many times what anything needs that waits for no timer. */
const REQUESTS = 5000;
/** After so many of them the database is asked, too, by as many reads at once as there are connections that read. */
const UNTIL_READS = 100;
const READS = 10;
const LOOK_MS = 20;

/**
 * Waits for what a server in this process does by itself at once. How long that may take is counted in requests that the server answers
 * meanwhile, not in seconds: a machine that stands still keeps both waiting. So does a database that stands still alone, since reads are among
 * them. Writes are not: what waits for the next one would no longer be found out.
 * @param options.afterMs how long the server may wait for a timer of its own before it does it; this waits for timers of the same loop
 */
export async function atOnce(
  { url, storage }: Pick<TestServer, "url" | "storage">,
  what: string,
  holds: () => unknown,
  { afterMs = 0 }: { afterMs?: number } = {},
): Promise<void> {
  const read = () => storage.db.selectFrom("log").select("pos").execute();
  for (let waitedMs = 0; waitedMs < afterMs && !holds(); waitedMs += LOOK_MS) await delay(LOOK_MS);
  for (let requests = 1; !holds(); requests++) {
    if (requests > REQUESTS) throw new Error(`${REQUESTS} requests were answered and still not: ${what}`);
    await (await fetch(`${url}/healthz`, { tls: { rejectUnauthorized: false } })).text();
    if (requests % UNTIL_READS === 0) await Promise.all(Array.from({ length: READS }, read));
  }
}
