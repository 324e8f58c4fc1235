import { uptimeMs } from "../src/lib/uptime.ts";

/**
 * Does what has to be done within a time.
 * @returns false if it took longer, as on a machine that stands still: then it has shown nothing, whatever came of it, and the test tries again
 */
export async function inTime(withinMs: number, work: () => Promise<void>): Promise<boolean> {
  const begunMs = uptimeMs();
  const [outcome] = await Promise.allSettled([work()]);
  if (uptimeMs() - begunMs > withinMs) return false;
  if (outcome.status === "rejected") throw outcome.reason;
  return true;
}
