import { codePoints, LIMITS } from "@parley/protocol";
import { ProblemError } from "../lib/problem.ts";
import { nameKey } from "./names.ts";

/** The most common ones among those that are long enough to be passwords here. */
const REFUSED = 3000;

let common: Promise<ReadonlySet<string>> | undefined;

/**
 * Refuses a new password that would be among the first guesses: a common one, or the person's own name, whatever the case of the letters.
 * The list is zxcvbn's passwords that leaked most often, in that order; it is loaded when the first password is chosen, which takes about
 * 30 ms.
 * @throws ProblemError `password_too_common`
 */
export async function refuseCommonPassword(password: string, name: string): Promise<void> {
  if (nameKey(password) === nameKey(name)) {
    throw new ProblemError("password_too_common", "The password is the name");
  }
  common ??= load();
  if ((await common).has(password.normalize("NFKC").toLowerCase())) throw new ProblemError("password_too_common");
}

async function load(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import("@zxcvbn-ts/language-common");
  const longEnough = dictionary["passwords-common"].filter((password) => codePoints(password) >= LIMITS.passwordMin);
  return new Set(longEnough.slice(0, REFUSED));
}
