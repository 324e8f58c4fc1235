import { uptimeMs } from "../lib/uptime.ts";
import { VERSION } from "../lib/version.ts";
import type { AdminContext } from "./admin-context.ts";

/** This process in numbers, as it is now. */
export interface Stats {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly onlineNum: number;
  readonly people: number;
}

/** Costs one short statement, or a count of all people once a minute. */
export async function getStats({ db, clock, presence, hallCount }: AdminContext): Promise<Stats> {
  return {
    version: VERSION,
    uptimeSeconds: Math.floor(uptimeMs() / 1000),
    onlineNum: presence.count,
    people: await hallCount.read(db, clock.now()),
  };
}
