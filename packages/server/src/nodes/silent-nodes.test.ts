import { beforeEach, describe, expect, test } from "bun:test";
import type { LeaseRow } from "../db/postgres/lease-rows.ts";
import { createLogger } from "../ops/logger.ts";
import { SilentNodes } from "./silent-nodes.ts";

const row = (node: string): LeaseRow => {
  return { node, number: 1, announced: 0, peopleVersion: 0, hearsBus: 1, renewedAt: 0, isLapsed: 0 };
};

let nowMs: number;
let newest: Map<string, number>;
let changes: boolean[];
let logged: string[];
let silent: SilentNodes;
let rows: LeaseRow[];

beforeEach(() => {
  [nowMs, newest, changes, logged] = [1000, new Map([["a", 1]]), [], []];
  const logger = createLogger({ level: "info", sink: { write: (line) => void logged.push(line) } });
  const newestOf = (node: string) => newest.get(node);
  const uptime = () => nowMs;
  silent = new SilentNodes({ self: "self", newestOf, logger, uptime, onChange: () => changes.push(silent.any) });
  rows = [row("self"), row("a")];
  silent.see(rows);
});

/** Looks at the leases every 3 s. */
function pass(ms: number, { heard = false, renews = true } = {}): void {
  for (let passed = 0; passed < ms; passed += 3000) {
    nowMs += 3000;
    if (heard) newest.set("a", (newest.get("a") ?? 0) + 1);
    if (renews) rows = rows.map((one) => ({ ...one, renewedAt: nowMs }));
    silent.see(rows);
  }
}

describe("a node that is alive", () => {
  test("BUS-11: and from which nothing has come by the bus for 10 s is silent, until it is heard again", () => {
    pass(9000);
    expect(silent.any).toBe(false);
    pass(3000);
    expect(silent.any).toBe(true);
    // By now it says so itself, since it does not hear this one.
    rows = rows.map((one) => ({ ...one, hearsBus: 0 }));
    pass(30_000);
    expect(silent.any).toBe(true);
    pass(3000, { heard: true });
    expect(changes).toEqual([true, false]);
    expect(logged.map((line) => JSON.parse(line)).map(({ silent, msg }) => [silent, msg])).toEqual([
      ["a", expect.stringContaining("nothing comes from it by the bus")],
      ["a", expect.stringContaining("heard by the bus again")],
    ]);
  });

  test("BUS-11: and is heard now and then is not silent", () => {
    for (let n = 0; n < 10; n++) {
      pass(9000);
      pass(3000, { heard: true });
    }
    expect(changes).toEqual([]);
  });

  test("BUS-11: and was never heard is silent after as long", () => {
    rows = [...rows, row("b")];
    newest.set("a", 2);
    silent.see(rows);
    for (let n = 0; n < 4; n++) {
      expect(silent.any).toBe(false);
      pass(3000, { heard: true });
    }
    expect(silent.any).toBe(true);
  });

  test("BUS-11: and has no Redis is silent", () => {
    rows = rows.map((one) => ({ ...one, hearsBus: 2 }));
    pass(12_000);
    expect(changes).toEqual([true]);
  });

  test("BUS-11: and says that its bus does not work is not silent", () => {
    rows = rows.map((one) => ({ ...one, hearsBus: 0 }));
    pass(30_000);
    expect(changes).toEqual([]);
    // The time counts from when it says that it works.
    rows = rows.map((one) => ({ ...one, hearsBus: 1 }));
    pass(9000);
    expect(changes).toEqual([]);
    pass(3000);
    expect(changes).toEqual([true]);
  });
});

describe("a node that is not known to be alive", () => {
  test("BUS-11: since it does not renew its lease, is not silent", () => {
    pass(6000);
    pass(30_000, { renews: false });
    expect(changes).toEqual([]);
  });

  test("BUS-11: and was silent is forgotten with its lease", () => {
    pass(12_000);
    rows = [row("self")];
    silent.see(rows);
    expect(changes).toEqual([true, false]);
  });

  test("BUS-11: a process that stood still itself takes nobody for silent, and nor does one that looks often", () => {
    nowMs += 60_000;
    pass(3000);
    expect(changes).toEqual([]);
    newest.set("a", 7);
    silent.see(rows);
    for (let n = 0; n < 50; n++) {
      rows = rows.map((one) => ({ ...one, renewedAt: one.renewedAt + 1 }));
      silent.see(rows);
    }
    expect(changes).toEqual([]);
  });
});
