import { type Cause, causeOf, ParleyError } from "../api/parley-error.ts";
import { backoffMs } from "../lib/backoff.ts";
import { type ResyncData, reloadRequest } from "../reading/reload.ts";
import type { ClientState, StopWhy, WaitWhy } from "./client-state.ts";
import { currentOf, type Fallback, fromTheTop, stepDown, withFailure } from "./fallback.ts";
import { afterRefusal, type Ending, type NextStep, nextStep } from "./reconnect-policy.ts";
import type { By, ConnectionEnd, Effect, Facts, Machine, Memory, Reloading, State, Step } from "./states.ts";

/** Connections that failed in a row, after which the best transport has another turn. */
const TRIES_AT_BOTTOM = 5;
/** RESYNCs in a row after which reading state again waits, since something is wrong. */
const RESYNCS_AT_ONCE = 2;

const LEAVE: Effect = { kind: "leave" };
export const tell = (state: ClientState): Effect => ({ kind: "tell", state });

export function to(memory: Memory, state: State, ...effects: Effect[]): Step {
  return { machine: { memory, state }, effects };
}

/** A connection is begun with a token. */
export function prepare(memory: Memory): Step {
  return to(memory, { kind: "preparing" }, { kind: "prepare" });
}

export function open(
  memory: Memory,
  openWith: { readonly token: string; readonly idleSeconds: number | undefined },
  { readsByTab, isCursorLong, timing }: Facts,
): Step {
  const current = currentOf(memory.fallback);
  const isPush = current === "websocket" || current === "sse";
  // A cursor too long for a frame or an address goes out by polls, whose body has room for it; they bring back a short one.
  const shortenCursor = !readsByTab && isPush && (isCursorLong || memory.tooLong === 1);
  const by: By = readsByTab ? "tab" : shortenCursor ? "short-poll" : current;
  const { token, idleSeconds } = openWith;
  return to(
    memory,
    { kind: "opening", by },
    tell({ kind: "connecting", transport: by }),
    { kind: "open", by, shortenCursor, token, idleSeconds },
    // A poll ends by itself when nothing comes, and another tab answers when it has a connection, however long that takes.
    ...(by === "websocket" || by === "sse" ? [timer(timing.openMs)] : []),
  );
}

export function timer(ms: number | undefined): Effect {
  return { kind: "timer", ms };
}

export function wait(
  memory: Memory,
  how: { ms: number; why: WaitWhy; serverNamedTime: boolean; error?: Cause | undefined; next?: Reloading | undefined },
  { now }: Facts,
): Step {
  const { ms, serverNamedTime, error, next } = how;
  const why = error?.status ? "refused" : how.why;
  const state: ClientState = { kind: "waiting", until: Math.ceil(now + ms), why, ...(error && { error }) };
  return to(memory, { kind: "waiting", why, serverNamedTime, next }, LEAVE, timer(ms), tell(state));
}

/** A wait is over. */
export function goOn(memory: Memory, next: Reloading | undefined): Step {
  return next ? reload(memory, next) : prepare(memory);
}

export function backOff(
  memory: Memory,
  facts: Facts,
  more: { error?: Cause | undefined; next?: Reloading } = {},
): Step {
  const { failures, fallback } = memory;
  const isTurn = failures > 0 && failures % TRIES_AT_BOTTOM === 0;
  const ms = backoffMs(failures, facts.random, facts.timing);
  const updated = { ...memory, fallback: isTurn ? fromTheTop(fallback) : fallback };
  return wait(updated, { ms, why: "offline", serverNamedTime: false, ...more }, facts);
}

export function stop(memory: Memory, why: StopWhy, error?: Cause): Step {
  const state: ClientState = { kind: "stopped", why, ...(error && { error }) };
  return to(memory, { kind: "stopped" }, { kind: "release", state }, tell(state));
}

/** The token was refused, or has ended. Once the product is asked for another one, where it gives them by a function. */
function afterEndOfToken(memory: Memory, { canRenew }: Facts): Step {
  return canRenew && !memory.wasRenewed ? prepare({ ...memory, wasRenewed: true }) : stop(memory, "revoked");
}

function replaced(memory: Memory): Step {
  return to(memory, { kind: "replaced" }, LEAVE, tell({ kind: "stopped", why: "replaced" }));
}

/** State is read; the cursor stays until that has worked, so a client that is interrupted is told again. */
function reload(memory: Memory, reloading: Reloading): Step {
  const { by, what } = reloading;
  return to(memory, { kind: "reloading", reloading }, tell({ kind: "catching-up", transport: by }), {
    kind: "reload",
    what,
  });
}

/** Events were missed for good: the product is told, and state is read. */
function resynced(memory: Memory, { resyncs, by }: { resyncs: readonly ResyncData[]; by: By }, facts: Facts): Step {
  // An empty list means that the server refused the whole cursor.
  const what = resyncs.length > 0 ? reloadRequest(resyncs) : { everything: true, roomIds: [] };
  const told =
    resyncs.length > 0
      ? resyncs.map(({ stream, why }) => ({ stream, why }))
      : [{ stream: "*", why: "malformed" as const }];
  const reloading: Reloading = { what, resyncs, by, failures: 0 };
  const updated = { ...memory, resyncs: memory.resyncs + 1 };
  const { machine, effects } =
    updated.resyncs > RESYNCS_AT_ONCE
      ? backOff({ ...updated, failures: updated.failures + 1 }, facts, { next: reloading })
      : reload(updated, reloading);
  return { machine, effects: [LEAVE, { kind: "tell-resyncs", resyncs: told }, ...effects] };
}

/** At once where there is another transport to try, else after a wait. */
function fallBack(memory: Memory, fallback: Fallback, facts: Facts): Step {
  const updated = { ...memory, fallback };
  return fallback.level === memory.fallback.level ? backOff(updated, facts) : prepare(updated);
}

/** What a connection that lasted leaves behind is no sign of trouble. */
export function settled({ memory, state }: Machine, { now, timing }: Facts): Memory {
  const lasted = state.kind === "live" && now - state.since >= timing.stableMs;
  return lasted ? { ...memory, failures: 0, resyncs: 0, wasRenewed: false } : memory;
}

type Connected = State & { readonly by: By };

/** What follows the end of a connection. */
export function afterEnd(machine: Machine & { state: Connected }, end: ConnectionEnd, facts: Facts): Step {
  const { by } = machine.state;
  const memory = settled(machine, facts);
  const code = end.kind === "closed" ? end.code : undefined;
  if (end.kind === "anew") return prepare(memory);
  if (end.kind === "done") return afterShortening(memory, facts);
  if (end.kind === "resync") return resynced(memory, { resyncs: end.resyncs, by }, facts);
  // The only long frame is RESUME. A poll gets a shorter cursor; where that does not help, polls go on.
  if (code === 1009) {
    const updated = { ...memory, tooLong: memory.tooLong + 1 };
    return backOff(updated.tooLong > 2 ? { ...updated, fallback: stepDown(updated.fallback, by) } : updated, facts);
  }
  // Where a user may have few connections, the one that is tried has pushed out this one.
  if (code === 4029 && facts.isProbing) return prepare(memory);
  return judge(memory, { end, ready: isReady(machine.state), by }, facts);
}

export function isReady({ kind }: State): boolean {
  return kind === "catching-up" || kind === "live";
}

/** Like `afterEnd`, for ends that are decided by a close code or a status. */
export function afterCut(
  machine: Machine & { state: Connected },
  how: Pick<Ending, "end" | "ready">,
  facts: Facts,
): Step {
  return judge(settled(machine, facts), { ...how, by: machine.state.by }, facts);
}

/** @param memory settled already */
function judge(memory: Memory, { by, ...how }: Pick<Ending, "end" | "ready"> & { by: By }, facts: Facts): Step {
  const { failures } = memory;
  const next = nextStep({ ...how, attempts: failures, drainMs: facts.drainMs, random: facts.random }, facts.timing);
  return toNextStep({ ...memory, failures: failures + 1 }, { next, by }, facts);
}

function toNextStep(memory: Memory, { next, by }: { next: NextStep; by: By }, facts: Facts): Step {
  switch (next.kind) {
    case "wait":
      return wait(memory, next, facts);
    case "stop":
      if (next.why === "revoked") return afterEndOfToken(memory, facts);
      return next.why === "replaced" ? replaced(memory) : stop(memory, next.why);
    case "reload":
      return resynced(memory, { resyncs: [], by }, facts);
    case "step-down":
      return fallBack(memory, stepDown(memory.fallback, by), facts);
    case "failed":
      return transportBlocked(memory, by, facts);
    case "ask":
      return to(memory, { kind: "asking", by }, { kind: "ask" });
  }
}

/** Plain requests are answered, and this transport does not work. */
export function transportBlocked(memory: Memory, by: By, facts: Facts): Step {
  return fallBack(memory, withFailure(memory.fallback, by), facts);
}

function afterShortening(memory: Memory, facts: Facts): Step {
  const updated = memory.tooLong > 0 ? { ...memory, tooLong: memory.tooLong + 1 } : memory;
  if (!facts.isCursorLong) return prepare(updated);
  // The new cursor is a long one, too. Polls take it; where there are none, the next attempt to shorten it comes after a pause.
  const fallback = stepDown(updated.fallback, currentOf(updated.fallback));
  if (fallback.level !== updated.fallback.level) return prepare({ ...updated, fallback });
  return backOff({ ...updated, failures: updated.failures + 1 }, facts);
}

/** The plain request was refused, or not answered. */
export function afterAsking(memory: Memory, { error, by }: { error: unknown; by: By }, facts: Facts): Step {
  const { status, code, retryAfterMs } = error instanceof ParleyError ? error : new ParleyError(0);
  if (status === 0 || (status >= 500 && status !== 503)) return backOff(memory, facts);
  const { random, timing } = facts;
  const backoff = backoffMs(memory.failures, random, timing);
  const next = afterRefusal({ status, code, retryAfterMs }, { backoff, random });
  return next.kind === "ask"
    ? backOff(memory, facts, { error: causeOf(error) })
    : toNextStep(memory, { next, by }, facts);
}

/** No token could be had. A product's own function fails for reasons of its own, mostly for want of a network. */
export function afterNoToken(memory: Memory, error: unknown, facts: Facts): Step {
  const { status, canRetry, retryAfterMs } = error instanceof ParleyError ? error : new ParleyError(0);
  if (!canRetry) return stop(memory, "sign-in-refused", causeOf(error));
  const ms = Math.max(backoffMs(memory.failures, facts.random, facts.timing), retryAfterMs ?? 0);
  const how = { ms, serverNamedTime: retryAfterMs !== undefined, error: causeOf(error) };
  return wait({ ...memory, failures: memory.failures + 1 }, { ...how, why: status === 0 ? "offline" : "busy" }, facts);
}

export function afterFailedReload(memory: Memory, how: { error: unknown; reloading: Reloading }, facts: Facts): Step {
  const { error, reloading } = how;
  const refusal = error instanceof ParleyError ? error : new ParleyError(0);
  if (refusal.code === "unauthorized") return stop(memory, "revoked");
  const toldMs = refusal.retryAfterMs ?? 0;
  const ms = Math.max(backoffMs(reloading.failures, facts.random, facts.timing), toldMs);
  const next = { ...reloading, failures: reloading.failures + 1 };
  return wait(memory, { ms, why: "offline", serverNamedTime: toldMs > 0, error: causeOf(error), next }, facts);
}
