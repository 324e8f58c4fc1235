import { type AfterClose, CLOSE_CODES } from "@parley/protocol/close-codes";
import { backoffMs } from "../lib/backoff.ts";
import type { Timing } from "../lib/timing.ts";
import type { StopWhy, WaitWhy } from "./client-state.ts";
import type { TransportEnd } from "./transports/transport.ts";

/** What to do after a connection ended. */
export type NextStep =
  | { readonly kind: "stop"; readonly why: StopWhy }
  /** `serverNamedTime`: the server named the moment, so the return of the network is no reason to come earlier. */
  | { readonly kind: "wait"; readonly ms: number; readonly why: WaitWhy; readonly serverNamedTime: boolean }
  /** The next transport, at once: something else answers here. */
  | { readonly kind: "step-down" }
  /** It opened, and nothing came: a transport that has carried frames before gets a second try, since a server may be busy. */
  | { readonly kind: "failed" }
  /** It never opened: only a plain request can tell a blocked transport from a network that is down. */
  | { readonly kind: "ask" }
  /** The server refused the cursor. */
  | { readonly kind: "reload" };

export interface Ending {
  /** `silent`: neither opened nor ready in time. */
  readonly end: Exclude<TransportEnd, { kind: "done" }> | { readonly kind: "silent"; readonly opened: boolean };
  /** READY, or a reply, has come. */
  readonly ready: boolean;
  /** Failures in a row, without a connection that lasted. */
  readonly attempts: number;
  /** DRAIN's `retryAfterMs`, which counts from the end. */
  readonly drainMs: number | undefined;
  /** Between 0 and 1. */
  readonly random: number;
}

/** Clients that were cut together must not come back together. */
const SPREAD_MS = 1_000;
/** The shortest wait for a client that broke a rule. */
const POLICY_MS = 5_000;

/** Pure. The codes' meaning is the protocol's table. */
export function nextStep(ending: Ending, timing: Timing): NextStep {
  const { end, ready, attempts, drainMs, random } = ending;
  const backoff = backoffMs(attempts, random, timing);
  const wait = (why: WaitWhy, ms = backoff, serverNamedTime = false): NextStep => ({
    kind: "wait",
    ms,
    why,
    serverNamedTime,
  });
  if (end.kind === "silent") return { kind: end.opened ? "failed" : "ask" };
  if (end.kind === "unsuited") return { kind: "step-down" };
  const after: AfterClose = end.kind === "closed" ? afterClose(end.code) : "reconnect";
  if (after === "stop") return { kind: "stop", why: end.kind === "closed" ? whyStopped(end) : "revoked" };
  if (after === "stop-until-focus") return { kind: "stop", why: "replaced" };
  if (drainMs !== undefined) return wait("restart", drainMs + random * SPREAD_MS, true);
  if (after === "back-off") return wait("policy", Math.max(POLICY_MS, backoff), true);
  if (after === "after-retry") {
    const retryMs = retryOf(end.kind === "closed" ? end.reason : "");
    return wait("busy", Math.max(backoff, retryMs + random * SPREAD_MS), true);
  }
  if (end.kind === "refused") return afterRefusal(end, { backoff, random });
  return ready ? wait("offline") : { kind: "ask" };
}

/** What follows a refused request: the plain one of `ask`, or any other. */
export function afterRefusal(
  { status, code, retryAfterMs }: { status: number; code: string; retryAfterMs: number | undefined },
  { backoff, random }: { backoff: number; random: number },
): NextStep {
  if (code === "cursor_malformed") return { kind: "reload" };
  if (code === "banned") return { kind: "stop", why: "banned" };
  if (code === "account_disabled") return { kind: "stop", why: "disabled" };
  if (code === "unauthorized") return { kind: "stop", why: "revoked" };
  if (status === 429 || status === 503) {
    const askedMs = retryAfterMs === undefined ? 0 : retryAfterMs + random * SPREAD_MS;
    return { kind: "wait", ms: Math.max(backoff, askedMs), why: "busy", serverNamedTime: retryAfterMs !== undefined };
  }
  return { kind: "ask" };
}

function afterClose(code: number): AfterClose {
  return code in CLOSE_CODES ? CLOSE_CODES[code as keyof typeof CLOSE_CODES] : "reconnect";
}

function whyStopped({ code, reason }: { code: number; reason: string }): StopWhy {
  if (code !== 4003) return "revoked";
  return reason === "account_disabled" ? "disabled" : "banned";
}

function retryOf(reason: string): number {
  return Number(/(?:^|[\s;,])retry=(\d{1,7})(?!\d)/.exec(reason)?.[1] ?? 0);
}
