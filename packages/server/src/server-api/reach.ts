import type { ServerKey } from "../http/server-key.ts";
import { countOf, type To } from "./recipients.ts";
import type { ServerContext } from "./server-context.ts";

/** Counts whom something goes to. @throws ProblemError `rate_limited` */
export function takeRecipients({ keyRates }: Pick<ServerContext, "keyRates">, key: ServerKey, to: To): void {
  if (to.all) keyRates.takeToAll(key);
  else keyRates.takeRecipients(key, countOf(to));
}

/** How many people there are, where that is asked for. */
export async function everybodyIn({ db, clock, hallCount }: ServerContext, to: To): Promise<number> {
  return to.all ? hallCount.read(db, clock.now()) : 0;
}
