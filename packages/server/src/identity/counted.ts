import { ipLimitKey, ipNetworkKey } from "../lib/ip-range.ts";
import { ProblemError } from "../lib/problem.ts";
import type { Rates } from "../limits/rates.ts";
import type { CountedTogether } from "../limits/shared-rate.ts";

/** One more of a rate, for a key. */
interface Count {
  readonly rate: CountedTogether;
  readonly key: string;
}

/** The whole server has one count. */
const EVERYBODY = "everybody";

/** The counts of a sign-in or a new account. People who are known to the account and strangers take no room from each other. */
export function attempts(rates: Rates, ip: string, { known }: { known: boolean }): Count[] {
  const address = { rate: rates.signIns, key: ipLimitKey(ip) };
  if (known) return [address];
  const network = ipNetworkKey(ip);
  return [
    address,
    ...(network === undefined ? [] : [{ rate: rates.signInsOfNetwork, key: network }]),
    { rate: rates.signInsOverall, key: EVERYBODY },
  ];
}

/** Longer names share their count; no account has one. */
const NAME_LENGTH = 64;

/** The counts of a failed sign-in, whether or not there is an account with that name. */
export function failures(rates: Rates, nameKey: string, { ip, known }: { ip: string; known: boolean }): Count[] {
  const name = nameKey.slice(0, NAME_LENGTH);
  const here = { rate: rates.failedSignIns, key: `${name} ${ipLimitKey(ip)}` };
  return known ? [here] : [here, { rate: rates.failedSignInsByStrangers, key: name }];
}

/** Counts all, or refuses and counts none. Counts in memory change before this returns. @throws ProblemError `rate_limited` */
export async function take(counts: readonly Count[]): Promise<void> {
  const taken = await Promise.allSettled(counts.map(({ rate, key }) => rate.take(key)));
  const refused = taken.find((outcome) => outcome.status === "rejected");
  if (!refused) return;
  await giveBack(counts.filter((_, index) => taken[index]?.status === "fulfilled"));
  throw refused.reason;
}

/** After a right password: this address starts anew, and the counts of strangers at other addresses stay. */
export async function forgive([here, ...elsewhere]: readonly Count[]): Promise<void> {
  await Promise.all([here?.rate.reset(here.key), giveBack(elsewhere)]);
}

async function giveBack(counts: readonly Count[]): Promise<void> {
  await Promise.all(counts.map(({ rate, key }) => rate.giveBack(key)));
}

/** Does work that counts, unless the server has no room for it: a 503 counts nowhere. @throws ProblemError `rate_limited` */
export async function counted<T>(counts: readonly Count[], work: () => Promise<T>): Promise<T> {
  await take(counts);
  try {
    return await work();
  } catch (error) {
    if (error instanceof ProblemError && error.status === 503) await giveBack(counts);
    throw error;
  }
}
