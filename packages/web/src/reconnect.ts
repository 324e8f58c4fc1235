import { type AfterClose, CLOSE_CODES } from "@parley/protocol";

/** What a page does after its connection ended. */
export type NextStep =
  | { readonly kind: "connect"; readonly afterMs: number; readonly told: boolean }
  | { readonly kind: "focus" }
  | { readonly kind: "stop"; readonly why: "signed-out" | "banned" };

export interface Ending {
  readonly code: number;
  readonly reason: string;
  /** Attempts since the last connection that was ready. */
  readonly attempts: number;
  /** `retryAfterMs` of a DRAIN that came before the end. */
  readonly drainMs: number | undefined;
  /** Between 0 and 1: spreads those who were cut together. */
  readonly random: number;
}

const FIRST_MS = 500;
const LONGEST_MS = 30_000;
/** What a client that broke a rule waits for at least. */
const POLICY_MS = 5_000;
const SPREAD_MS = 1_000;

/** Pure. `told` is true where the server named the moment; others may connect at once when the network is back. */
export function stepAfter({ code, reason, attempts, drainMs, random }: Ending): NextStep {
  const after: AfterClose = code in CLOSE_CODES ? CLOSE_CODES[code as keyof typeof CLOSE_CODES].after : "reconnect";
  const backOff = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempts, 10)) * (0.5 + random / 2);
  const connect = (afterMs: number, told: boolean): NextStep => ({ kind: "connect", afterMs, told });
  switch (after) {
    case "reconnect":
      return connect(backOff, false);
    case "back-off":
      return connect(Math.max(POLICY_MS, backOff), true);
    case "after-drain":
      return drainMs === undefined ? connect(backOff, false) : connect(drainMs + random * SPREAD_MS, true);
    case "after-retry": {
      const retryMs = Number(/(?:^|[\s;,])retry=(\d{1,7})(?!\d)/.exec(reason)?.[1] ?? 0);
      return connect(Math.max(retryMs + random * SPREAD_MS, backOff), true);
    }
    case "stop":
      return { kind: "stop", why: code === 4003 ? "banned" : "signed-out" };
    case "stop-until-focus":
      return { kind: "focus" };
  }
}
