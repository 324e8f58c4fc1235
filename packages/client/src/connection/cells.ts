import { upgradedTo, withCarried } from "./fallback.ts";
import { afterCut, afterEnd, goOn, prepare, settled, stop, tell, timer, to } from "./moves.ts";
import type { Facts, Happening, Machine, Memory, State, Step } from "./states.ts";

/*
 * Cells of the table that are used in more than one row, or are longer than a line.
 */

/** The machine in one of these states. */
export type In<K> = Machine & { readonly state: Extract<State, { kind: K }> };
type Connected = In<"opening" | "opened" | "catching-up" | "live">;
type Of<H> = Extract<Happening, { kind: H }>;

export function atTheBeginning(fallback: Memory["fallback"]): Memory {
  return { fallback, failures: 0, resyncs: 0, tooLong: 0, wasRenewed: false, wasHurried: false };
}

export const ignore = (machine: Machine): Step => ({ machine, effects: [] });

export const startAnew = ({ memory }: Machine): Step => {
  const { machine, effects } = prepare(atTheBeginning(memory.fallback));
  return { machine, effects: [{ kind: "listen" }, ...effects] };
};

export const stopAsAsked = ({ memory }: Machine): Step => stop(memory, "asked");

/** Another tab learned that the login has ended, or that the user is banned or disabled. */
export const stopWithOthers = (machine: Machine, { state }: Of<"tab-state">): Step =>
  state.kind === "stopped" && (state.why === "revoked" || state.why === "banned" || state.why === "disabled")
    ? stop(machine.memory, state.why)
    : ignore(machine);

export const noteBetter = ({ memory, state }: Machine, { name }: Of<"better">): Step =>
  to({ ...memory, fallback: upgradedTo(memory.fallback, name) }, state);

// While there is a connection:

export const changeTo = (now: Connected, { name }: Of<"better">, facts: Facts): Step => {
  if (now.state.by === "tab") return noteBetter(now, { kind: "better", name });
  const memory = settled(now, facts);
  return prepare({ ...memory, fallback: upgradedTo(memory.fallback, name) });
};

export const anew = (now: Connected, _: unknown, facts: Facts): Step => prepare(settled(now, facts));

export const end = (now: Connected, { end }: Of<"ended">, facts: Facts): Step => afterEnd(now, end, facts);

/** Treat it as a cut: while offline nothing can tell whether the transport is blocked. A tab that follows is told by its leader. */
export const lose = (now: Connected, _: unknown, facts: Facts): Step =>
  now.state.by === "tab" ? ignore(now) : afterCut(now, { end: { kind: "failed" }, ready: true }, facts);

export const look = (machine: Machine): Step => ({ machine, effects: [{ kind: "look" }] });

export const lookForBetter = (now: Connected): Step => ({
  machine: now,
  effects: [{ kind: "look" }, ...(now.state.by === "tab" ? [] : [{ kind: "probe", when: "now" } as const])],
});

export const silent = (now: In<"opening" | "opened">, _: unknown, facts: Facts): Step =>
  afterCut(now, { end: { kind: "silent", opened: now.state.kind === "opened" }, ready: false }, facts);

export const ready = ({ memory, state: { by } }: In<"opening" | "opened">): Step =>
  to(
    { ...memory, wasHurried: false, fallback: withCarried(memory.fallback, by) },
    { kind: "catching-up", by },
    timer(undefined),
    tell({ kind: "catching-up", transport: by }),
    ...(by === "tab" ? [] : [{ kind: "probe", when: "later" } as const]),
  );

export const showOther = (now: Connected, happening: Of<"tab-state">): Step => {
  const { state } = happening;
  if (now.state.by !== "tab") return ignore(now);
  // Other tabs continue by themselves when one was stopped by its own program.
  if (state.kind === "stopped" && state.why !== "replaced") return stopWithOthers(now, happening);
  return { machine: now, effects: [tell(state)] };
};

// While it waits:

export const cutShort = (now: In<"waiting">): Step =>
  now.state.serverNamedTime ? ignore(now) : goOn({ ...now.memory, wasHurried: false }, now.state.next);

/** At most every other wait: if requests are answered and nothing connects, each would end at the next request. */
export const hurry = (now: In<"waiting">): Step => {
  const { serverNamedTime, why, next } = now.state;
  const { memory } = now;
  return serverNamedTime || why !== "offline" || memory.wasHurried
    ? ignore(now)
    : goOn({ ...memory, wasHurried: true }, next);
};

export const lookedAtAgain = ({ memory }: Machine): Step => prepare({ ...memory, failures: 0 });
