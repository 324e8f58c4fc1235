import { type Cause, causeOf, ParleyError } from "../api/parley-error.ts";
import { backoffMs } from "../lib/backoff.ts";
import { type ResyncData, reloadRequest } from "../reading/reload.ts";
import type { ClientState, StopWhy, WaitWhy } from "./client-state.ts";
import { currentOf, type Fallback, fromTheTop, hasFailed, stepDown } from "./fallback.ts";
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
  opening: { readonly token: string; readonly idleSeconds: number | undefined },
  { readsByTab, isCursorLong, timing }: Facts,
): Step {
  const current = currentOf(memory.fallback);
  const isPush = current === "websocket" || current === "sse";
  // A poll trades a cursor that is too long for a frame, or for an address, for a short one.
  const once = !readsByTab && isPush && (isCursorLong || memory.tooLong === 1);
  const by: By = readsByTab ? "tab" : once ? "short-poll" : current;
  const { token, idleSeconds } = opening;
  return to(
    memory,
    { kind: "opening", by },
    tell({ kind: "connecting", transport: by }),
    { kind: "open", by, once, token, idleSeconds },
    // Another tab answers when it has a connection, however long that takes.
    ...(by === "tab" ? [] : [timer(timing.openMs)]),
  );
}

export function timer(ms: number | undefined): Effect {
  return { kind: "timer", ms };
}

export function wait(
  memory: Memory,
  how: { ms: number; why: WaitWhy; told: boolean; error?: Cause | undefined; next?: Reloading | undefined },
  { now }: Facts,
): Step {
  const { ms, told, error, next } = how;
  const why = error?.status ? "refused" : how.why;
  const state: ClientState = { kind: "waiting", until: now + ms, why, ...(error && { error }) };
  return to(memory, { kind: "waiting", why, told, next }, LEAVE, timer(ms), tell(state));
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
  const after = { ...memory, fallback: isTurn ? fromTheTop(fallback) : fallback };
  return wait(after, { ms, why: "offline", told: false, ...more }, facts);
}

export function stop(memory: Memory, why: StopWhy, error?: Cause): Step {
  const state: ClientState = { kind: "stopped", why, ...(error && { error }) };
  return to(memory, { kind: "stopped" }, { kind: "release", state }, tell(state));
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
  // No RESYNC stands for the refusal of the whole cursor.
  const what = resyncs.length > 0 ? reloadRequest(resyncs) : { everything: true, roomIds: [] };
  const told =
    resyncs.length > 0
      ? resyncs.map(({ stream, why }) => ({ stream, why }))
      : [{ stream: "*", why: "malformed" as const }];
  const reloading: Reloading = { what, resyncs, by, failures: 0 };
  const after = { ...memory, resyncs: memory.resyncs + 1 };
  const { machine, effects } =
    after.resyncs > RESYNCS_AT_ONCE
      ? backOff({ ...after, failures: after.failures + 1 }, facts, { next: reloading })
      : reload(after, reloading);
  return { machine, effects: [LEAVE, { kind: "tell-resyncs", resyncs: told }, ...effects] };
}

/** At once where there is another transport to try, else after a wait. */
function fallBack(memory: Memory, fallback: Fallback, facts: Facts): Step {
  const after = { ...memory, fallback };
  return fallback.level === memory.fallback.level ? backOff(after, facts) : prepare(after);
}

/** What a connection that lasted leaves behind is no sign of trouble. */
export function settled({ memory, state }: Machine, { now, timing }: Facts): Memory {
  const lasted = state.kind === "live" && now - state.since >= timing.stableMs;
  return lasted ? { ...memory, failures: 0, resyncs: 0 } : memory;
}

type Connected = State & { readonly by: By };

/** What follows the end of a connection. */
export function afterEnd(machine: Machine & { state: Connected }, end: ConnectionEnd, facts: Facts): Step {
  const { by } = machine.state;
  const memory = settled(machine, facts);
  const code = end.kind === "closed" ? end.code : undefined;
  if (end.kind === "gap") return prepare(memory);
  if (end.kind === "done") return afterTrade(memory, facts);
  if (end.kind === "resync") return resynced(memory, { resyncs: end.resyncs, by }, facts);
  // The only long frame is RESUME. A poll trades its cursor for a short one; where that does not help, polls go on.
  if (code === 1009) {
    const after = { ...memory, tooLong: memory.tooLong + 1 };
    return backOff(after.tooLong > 2 ? { ...after, fallback: stepDown(after.fallback, by) } : after, facts);
  }
  // Where a user may have few connections, the one that is tried has pushed out this one.
  if (code === 4029 && facts.isProbing) return prepare(memory);
  return afterCut(machine, { end, ready: isReady(machine.state) }, facts);
}

export function isReady({ kind }: State): boolean {
  return kind === "catching-up" || kind === "live";
}

/** The same where the codes decide. */
export function afterCut(
  machine: Machine & { state: Connected },
  how: Pick<Ending, "end" | "ready">,
  facts: Facts,
): Step {
  const memory = settled(machine, facts);
  const { failures } = memory;
  const next = nextStep({ ...how, attempts: failures, drainMs: facts.drainMs, random: facts.random }, facts.timing);
  return take({ ...memory, failures: failures + 1 }, { next, by: machine.state.by }, facts);
}

function take(memory: Memory, { next, by }: { next: NextStep; by: By }, facts: Facts): Step {
  switch (next.kind) {
    case "wait":
      return wait(memory, next, facts);
    case "stop":
      return next.why === "replaced" ? replaced(memory) : stop(memory, next.why);
    case "reload":
      return resynced(memory, { resyncs: [], by }, facts);
    case "step-down":
      return fallBack(memory, stepDown(memory.fallback, by), facts);
    case "failed":
      return failed(memory, by, facts);
    case "ask":
      return to(memory, { kind: "asking", by }, { kind: "ask" });
  }
}

/** The transport does not work, while plain requests do. */
export function failed(memory: Memory, by: By, facts: Facts): Step {
  return fallBack(memory, hasFailed(memory.fallback, by), facts);
}

function afterTrade(memory: Memory, facts: Facts): Step {
  const after = memory.tooLong > 0 ? { ...memory, tooLong: memory.tooLong + 1 } : memory;
  if (!facts.isCursorLong) return prepare(after);
  // What was got for the long cursor is a long one, too: polls take it, and where there are none trading has pauses.
  const fallback = stepDown(after.fallback, currentOf(after.fallback));
  if (fallback.level !== after.fallback.level) return prepare({ ...after, fallback });
  return backOff({ ...after, failures: after.failures + 1 }, facts);
}

/** The plain request was refused, or not answered. */
export function afterAsking(memory: Memory, { error, by }: { error: unknown; by: By }, facts: Facts): Step {
  const { status, code, retryAfterMs } = error instanceof ParleyError ? error : new ParleyError(0);
  if (status === 0 || (status >= 500 && status !== 503)) return backOff(memory, facts);
  const { random, timing } = facts;
  const backoff = backoffMs(memory.failures, random, timing);
  const next = afterRefusal({ status, code, retryAfterMs }, { backoff, random });
  return next.kind === "ask" ? backOff(memory, facts, { error: causeOf(error) }) : take(memory, { next, by }, facts);
}

/** No token could be had. A product's own function fails for reasons of its own, mostly for want of a network. */
export function afterNoToken(memory: Memory, error: unknown, facts: Facts): Step {
  const { status, canRetry, retryAfterMs } = error instanceof ParleyError ? error : new ParleyError(0);
  if (!canRetry) return stop(memory, "sign-in-refused", causeOf(error));
  const ms = Math.max(backoffMs(memory.failures, facts.random, facts.timing), retryAfterMs ?? 0);
  const how = { ms, told: retryAfterMs !== undefined, error: causeOf(error) };
  return wait({ ...memory, failures: memory.failures + 1 }, { ...how, why: status === 0 ? "offline" : "busy" }, facts);
}

export function afterFailedReload(memory: Memory, how: { error: unknown; reloading: Reloading }, facts: Facts): Step {
  const { error, reloading } = how;
  const refusal = error instanceof ParleyError ? error : new ParleyError(0);
  if (refusal.code === "unauthorized") return stop(memory, "revoked");
  const toldMs = refusal.retryAfterMs ?? 0;
  const ms = Math.max(backoffMs(reloading.failures, facts.random, facts.timing), toldMs);
  const next = { ...reloading, failures: reloading.failures + 1 };
  return wait(memory, { ms, why: "offline", told: toldMs > 0, error: causeOf(error), next }, facts);
}
