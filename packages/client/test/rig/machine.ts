import { ParleyError } from "../../src/api/parley-error.ts";
import { atTheBeginning } from "../../src/connection/cells.ts";
import { newFallback } from "../../src/connection/fallback.ts";
import type { Effect, Facts, Happening, Machine, Memory, Reloading, State } from "../../src/connection/states.ts";
import { step } from "../../src/connection/table.ts";
import { TIMING } from "../../src/lib/timing.ts";

/** An ordinary moment: nothing takes long, nobody else is there, and chance is at its lowest. */
export const FACTS: Facts = {
  timing: TIMING,
  now: 1_000_000,
  random: 0,
  isCursorLong: false,
  readsByTab: false,
  canRenew: false,
  isProbing: false,
  drainMs: undefined,
};
export const RELOADING: Reloading = {
  what: { everything: false, roomIds: [7] },
  resyncs: [{ stream: "room:7", seq: 4, why: "far" }],
  by: "sse",
  failures: 0,
};
export const BEGINNING = atTheBeginning(newFallback(["websocket", "sse", "long-poll"]));
/** The transport is one below the best. */
export const MEMORY: Memory = { ...BEGINNING, fallback: { ...BEGINNING.fallback, level: 1 }, failures: 2 };

/** One of each state. */
export const STATES: { readonly [K in State["kind"]]: Extract<State, { kind: K }> } = {
  stopped: { kind: "stopped" },
  preparing: { kind: "preparing" },
  opening: { kind: "opening", by: "sse" },
  opened: { kind: "opened", by: "sse" },
  "catching-up": { kind: "catching-up", by: "sse" },
  live: { kind: "live", by: "sse", since: 999_000 },
  asking: { kind: "asking", by: "sse" },
  reloading: { kind: "reloading", reloading: RELOADING },
  waiting: { kind: "waiting", why: "offline", serverNamedTime: false, next: undefined },
  replaced: { kind: "replaced" },
};
/** One of each happening. */
export const HAPPENINGS: { readonly [K in Happening["kind"]]: Extract<Happening, { kind: K }> } = {
  start: { kind: "start" },
  stop: { kind: "stop" },
  prepared: { kind: "prepared", token: "t", idleSeconds: undefined },
  opened: { kind: "opened" },
  ready: { kind: "ready" },
  live: { kind: "live" },
  ended: { kind: "ended", end: { kind: "failed" } },
  "ask-answered": { kind: "ask-answered" },
  reloaded: { kind: "reloaded", reloaded: { asOf: "x", rooms: [] } },
  failed: { kind: "failed", error: new ParleyError(0) },
  time: { kind: "time" },
  offline: { kind: "offline" },
  online: { kind: "online" },
  focus: { kind: "focus" },
  "request-answered": { kind: "request-answered" },
  better: { kind: "better", name: "websocket" },
  handover: { kind: "handover" },
  "tab-state": { kind: "tab-state", state: { kind: "stopped", why: "revoked" } },
};

function shown(effect: Effect): string {
  switch (effect.kind) {
    case "tell": {
      const { state } = effect;
      return `tell ${state.kind}${"why" in state ? ` ${state.why}` : ""}`;
    }
    case "open":
      return `open ${effect.by}${effect.shortenCursor ? " to shorten" : ""}`;
    case "timer":
      return `timer ${effect.ms ?? "off"}`;
    case "probe":
      return `probe ${effect.when}`;
    default:
      return effect.kind;
  }
}

/** The next state, and what has to be done for it; `-` where nothing changed. */
export function outcome(machine: Machine, happening: Happening, facts: Partial<Facts> = {}): string {
  const next = step(machine, happening, { ...FACTS, ...facts });
  if (next.machine === machine && next.effects.length === 0) return "-";
  return [next.machine.state.kind, ...next.effects.map(shown)].join(", ");
}

/** A machine that is told one happening after another. */
export function machineAt(memory: Memory = BEGINNING, state: State = STATES.preparing) {
  let now: Machine = { memory, state };
  const tell = (happening: Happening, facts: Partial<Facts> = {}): string => {
    const next = step(now, happening, { ...FACTS, ...facts });
    now = next.machine;
    return [now.state.kind, ...next.effects.map(shown)].join(", ");
  };
  const connect = () => [HAPPENINGS.prepared, HAPPENINGS.ready, HAPPENINGS.live].map((what) => tell(what)).at(-1);
  return { tell, connect, memory: () => now.memory, state: () => now.state };
}
