import type { ServerKey } from "../http/server-key.ts";
import { ProblemError } from "../lib/problem.ts";
import { countOf, type To } from "./recipients.ts";
import type { ServerContext } from "./server-context.ts";

/** The people whom a write reaches, as rates count them. */
export interface Reached {
  readonly people: number;
  readonly everybody: boolean;
}

export function reachOf(to: To): Reached {
  return { people: to.all ? 0 : countOf(to), everybody: to.all === true };
}

/**
 * Counts the people whom a write reaches, and performs it. What the writer has no room for was told to nobody, so it does not count: a product that tells
 * many at once would otherwise use up its number with requests that it has to make again.
 * @throws ProblemError `rate_limited`, and what the write throws
 */
export async function reaching<T>(
  { keyRates }: Pick<ServerContext, "keyRates">,
  key: ServerKey,
  { people, everybody }: Reached,
  write: () => Promise<T>,
): Promise<T> {
  if (everybody) keyRates.takeToAll(key);
  keyRates.takeRecipients(key, people);
  try {
    return await write();
  } catch (error) {
    if (error instanceof ProblemError && error.code === "overloaded") {
      if (everybody) keyRates.giveToAllBack(key);
      keyRates.giveRecipientsBack(key, people);
    }
    throw error;
  }
}

/** How many people there are, where that is asked for. */
export async function everybodyIn({ db, clock, hallCount }: ServerContext, to: To): Promise<number> {
  return to.all ? hallCount.read(db, clock.now()) : 0;
}
