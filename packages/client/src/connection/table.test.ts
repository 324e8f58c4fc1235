import { expect, test } from "bun:test";
import { HAPPENINGS, MEMORY, outcome, STATES } from "../../test/rig/machine.ts";
import type { Happening, State } from "./states.ts";

const STOP = "stopped, release, tell stopped asked";
const STOP_TOO = "stopped, release, tell stopped revoked";
const AGAIN = "preparing, prepare";
const WAIT = "waiting, leave, timer 500, tell waiting offline";

/** Happenings that are not named here change nothing. */
const CELLS: { readonly [K in State["kind"]]: { readonly [H in Happening["kind"]]?: string } } = {
  stopped: { start: "preparing, listen, prepare", better: "stopped" },
  preparing: {
    stop: STOP,
    prepared: "opening, tell connecting, open sse, timer 10000",
    failed: WAIT,
    better: "preparing",
    "tab-state": STOP_TOO,
  },
  opening: {
    stop: STOP,
    opened: "opened, timer 3000",
    ready: "catching-up, timer off, tell catching-up, probe later",
    ended: "asking, ask",
    time: "asking, ask",
    offline: WAIT,
    better: AGAIN,
    handover: AGAIN,
  },
  opened: {
    stop: STOP,
    ready: "catching-up, timer off, tell catching-up, probe later",
    ended: "asking, ask",
    // A transport that was never ready and shows nothing: the next transport.
    time: AGAIN,
    offline: WAIT,
    better: AGAIN,
    handover: AGAIN,
  },
  "catching-up": {
    start: "catching-up, look",
    stop: STOP,
    live: "live, tell live",
    ended: WAIT,
    offline: WAIT,
    online: "catching-up, look, probe now",
    focus: "catching-up, look",
    better: AGAIN,
    handover: AGAIN,
  },
  live: {
    start: "live, look",
    stop: STOP,
    live: "live, tell live",
    ended: WAIT,
    offline: WAIT,
    online: "live, look, probe now",
    focus: "live, look",
    better: AGAIN,
    handover: AGAIN,
  },
  asking: { stop: STOP, "ask-answered": AGAIN, failed: WAIT, better: "asking", "tab-state": STOP_TOO },
  reloading: {
    stop: STOP,
    reloaded: "preparing, hand-over, prepare",
    failed: WAIT,
    better: "reloading",
    "tab-state": STOP_TOO,
  },
  waiting: {
    start: AGAIN,
    stop: STOP,
    time: AGAIN,
    online: AGAIN,
    focus: AGAIN,
    "request-answered": AGAIN,
    better: "waiting",
    "tab-state": STOP_TOO,
  },
  replaced: { start: AGAIN, stop: STOP, focus: AGAIN, better: "replaced", "tab-state": STOP_TOO },
};

const every = Object.values(STATES).flatMap((state) => Object.values(HAPPENINGS).map((what) => [state, what] as const));
test.each(every.map(([state, what]) => [state.kind, what.kind, CELLS[state.kind][what.kind] ?? "-"] as const))(
  "SDK-25: %s, then %s: %s",
  (state, what, expected) => {
    expect(outcome({ memory: MEMORY, state: STATES[state] }, HAPPENINGS[what])).toBe(expected);
  },
);

test("SDK-60: to a tab that follows, ends and returns are for the one that it follows", () => {
  const following = (kind: "opening" | "opened" | "catching-up" | "live", what: Happening) =>
    outcome({ memory: MEMORY, state: { kind, by: "tab", since: 0 } as State }, what);
  for (const kind of ["opening", "opened", "catching-up", "live"] as const) {
    expect(following(kind, HAPPENINGS.offline)).toBe("-");
    expect(following(kind, HAPPENINGS["tab-state"])).toBe(STOP_TOO);
    for (const why of ["banned", "disabled"] as const) {
      expect(following(kind, { kind: "tab-state", state: { kind: "stopped", why } })).toBe(
        `stopped, release, tell stopped ${why}`,
      );
    }
    // A tab that its own program has stopped stops no other.
    expect(following(kind, { kind: "tab-state", state: { kind: "stopped", why: "asked" } })).toBe("-");
    const replaced = { kind: "tab-state", state: { kind: "stopped", why: "replaced" } } as const;
    expect(following(kind, replaced)).toBe(`${kind}, tell stopped replaced`);
    expect(following(kind, HAPPENINGS.better)).toBe(kind);
    expect(following(kind, HAPPENINGS.handover)).toBe(AGAIN);
  }
  expect(following("live", HAPPENINGS.online)).toBe("live, look");
  // However long another tab takes, no timer runs.
  expect(outcome({ memory: MEMORY, state: STATES.preparing }, HAPPENINGS.prepared, { readsByTab: true })).toBe(
    "opening, tell connecting, open tab",
  );
  expect(following("opening", HAPPENINGS.opened)).toBe("opened");
  expect(following("opened", HAPPENINGS.ready)).toBe("catching-up, timer off, tell catching-up");
});
