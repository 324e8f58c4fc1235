import { SHARED_RATES } from "./limits/limits.ts";
import type { CountingTogether, Rates, SharedRateName } from "./limits/rates.ts";
import type { RateQuestion } from "./processes/messages.ts";
import type { SupervisorLink } from "./processes/supervisor-link.ts";

/** How a worker counts what is counted for the machine: its supervisor does. What it counted too late was refused already, and is given back. */
export function countingTogether(link: Pick<SupervisorLink, "ask">): CountingTogether {
  return {
    shared: (rate) => {
      const ask = (act: RateQuestion["act"], key: string | number, onLate?: (value: unknown) => void) =>
        link.ask({ count: { rate, act, key } }, onLate);
      const giveBack = (key: string | number) => void ask("giveBack", key).catch(() => {});
      return {
        take: async (key) => void (await ask("take", key, () => giveBack(key))),
        tryTake: async (key) => (await ask("tryTake", key, (isTaken) => isTaken && giveBack(key))) === true,
        check: async (key) => void (await ask("check", key)),
        giveBack: async (key) => void (await ask("giveBack", key)),
        reset: async (key) => void (await ask("reset", key)),
      };
    },
  };
}

/** What the supervisor answers. */
export async function answerCount(rates: Rates, { rate, act, key }: RateQuestion): Promise<unknown> {
  if (!Object.hasOwn(SHARED_RATES, rate)) throw new Error(`${rate} is not counted for the machine`);
  return rates[rate as SharedRateName][act](key);
}
