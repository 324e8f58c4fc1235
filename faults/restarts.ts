import type { FaultPlan } from "./installation.ts";

/** After this many kills the server is drained once: stopped and started as for an update. */
const KILLS_PER_DRAIN = 4;
/** This leaves time for the clients to be back before the next one, in most cases. */
const LEAST_UP_MS = 600;

/** A server that can be ended and started again. */
interface Restartable {
  killAndRestart(): Promise<void>;
  drainAndRestart(): Promise<void>;
}

/** Ends the server again and again, spread over the run. Resolves when the last restart is done. */
export async function restarts(server: Restartable, { random, kills, seconds, lull }: FaultPlan): Promise<void> {
  const begunAt = performance.now();
  const spanMs = (seconds * 1000) / Math.max(1, kills);
  for (let kill = 0; kill < kills; kill++) {
    const at = (kill + 0.2 + 0.6 * random.next()) * spanMs;
    await Bun.sleep(Math.max(LEAST_UP_MS, begunAt + at - performance.now()));
    await lull.over;
    await server.killAndRestart();
    if (kill % KILLS_PER_DRAIN !== KILLS_PER_DRAIN - 1) continue;
    await Bun.sleep(LEAST_UP_MS);
    await server.drainAndRestart();
  }
}
