import { describe, expect, test } from "bun:test";
import { CommandBook } from "./commands.ts";
import { type FeatureLog, type Logged, problemsOf } from "./feature-log.ts";
import { keyOf } from "./log-changes.ts";
import type { CustomAsked } from "./log-custom.ts";
import type { Pushed } from "./told.ts";

/** c0-0 goes to two people, c0-1 to everybody; c0-2 to a room, and c0-3 takes its place there. */
const KIND = "order";
const custom = (ref: string, streams: string[], more: Partial<CustomAsked> = {}): CustomAsked => ({
  ...{ ref, streams, kind: KIND, data: JSON.stringify({ ref }), collapseKey: null, isDone: "yes", ...more },
});
const said = (ref: string) => ({ kind: KIND, data: { ref } });
const LOG: readonly Logged[] = [
  ["user:1", 117, said("c0-0")],
  ["user:2", 117, said("c0-0")],
  ["all", 117, said("c0-1")],
  ["room:5", 117, null, 4],
  ["room:5", 117, null, 5],
];
const ROWS = [
  `insert into custom_events values (4, '${KIND}', '{"ref":"c0-2"}', 'k'), (5, '${KIND}', '{"ref":"c0-3"}', 'k')`,
];
const ASKED = [
  custom("c0-0", ["user:1", "user:2"]),
  custom("c0-1", ["all"]),
  custom("c0-2", ["room:5"], { collapseKey: "k" }),
  custom("c0-3", ["room:5"], { collapseKey: "k" }),
];
const tell = (stream: string, seq: number, data: unknown): Pushed => ({ stream, seq, type: 117, data });
const NOTHING = { kind: KIND, data: null };
const TOLD = [
  tell("user:1", 1, said("c0-0")),
  tell("room:5", 1, said("c0-2")),
  tell("room:5", 1, NOTHING),
  tell("room:5", 2, said("c0-3")),
];

async function kinds(changed: Partial<FeatureLog>) {
  const commands = new CommandBook();
  for (const { ref } of changed.customs ?? ASKED) {
    const answer = Promise.resolve({ status: 201, tries: 1, body: {} });
    await commands.book(answer, () => [{ key: keyOf.custom(ref), value: "pushed", proof: "event" }]);
  }
  return problemsOf({ log: LOG, sql: ROWS, commands, customs: ASKED, told: TOLD, ...changed });
}

test("nothing is wrong", async () => {
  expect(await kinds({})).toEqual([]);
});

describe("one thing is wrong", () => {
  const [LOST, TWICE, UNASKED] = [
    ...["acknowledged and lost", "sends stored twice", "events that nobody asked for"],
  ] as const;
  const [COMMAND_LOST, STORED, SAID] = [
    ...["command acknowledged and lost", "stored otherwise than sent", "told otherwise"],
  ] as const;
  const as = (ref: string, isDone: CustomAsked["isDone"]) =>
    ASKED.map((one) => (one.ref === ref ? { ...one, isDone } : one));
  const cases: Readonly<Record<string, readonly [Partial<FeatureLog>, readonly (string | undefined)[]]>> = {
    "one that is lost": [{ log: LOG.with(2, undefined as never) }, [COMMAND_LOST, LOST]],
    "one that one of two people does not get": [{ log: LOG.with(1, undefined as never) }, [LOST]],
    "one that is stored twice": [
      { log: [...LOG, ["all", 117, said("c0-1")]] },
      [TWICE, UNASKED, "event that changes nothing"],
    ],
    "one that somebody else gets, too": [{ log: [...LOG, ["user:3", 117, said("c0-1")]] }, [UNASKED]],
    "one that nobody asked for": [{ log: [...LOG, ["all", 117, said("c0-9")]] }, [UNASKED]],
    "one that was refused": [{ customs: as("c0-1", "no") }, [COMMAND_LOST, UNASKED]],
    "one that is perhaps done, in part": [
      { log: LOG.with(1, undefined as never), customs: as("c0-0", "perhaps") },
      ["stored in part"],
    ],
    "other data": [{ log: LOG.with(2, ["all", 117, { kind: KIND, data: { ref: "c0-1", more: 1 } }]) }, [STORED]],
    "another kind": [{ log: LOG.with(2, ["all", 117, { kind: "other", data: { ref: "c0-1" } }]) }, [STORED]],
    "another collapseKey": [
      { sql: [...ROWS, "update custom_events set collapse_key = 'j' where id = 5"] },
      [SAID, STORED],
    ],
    "told with other data": [{ told: [tell("user:1", 1, said("c0-1"))] }, [SAID]],
    "told without its data, though nothing took its place": [{ told: [tell("room:5", 2, NOTHING)] }, [SAID]],
    "told with what took its place": [{ told: [tell("room:5", 1, said("c0-3"))] }, [SAID]],
    "told right to one and wrong to another": [{ told: [...TOLD, tell("user:1", 1, NOTHING)] }, [SAID]],
  };
  test.each(Object.entries(cases))("%s", async (_, [changed, wanted]) => {
    expect(await kinds(changed)).toEqual([...wanted].map(String).sort());
  });
});

test("one that is perhaps done may be there or not", async () => {
  const customs = [...ASKED.slice(0, 1), ...ASKED.slice(2), custom("c0-1", ["all"], { isDone: "perhaps" })];
  const commands = new CommandBook();
  expect(await kinds({ customs, commands })).toEqual(["events that nobody asked for"]);
  const answer = Promise.resolve({ status: 422, tries: 2, body: {} });
  for (const { ref } of customs) {
    await commands.book(answer, () => [{ key: keyOf.custom(ref), value: "pushed", proof: "event" }]);
  }
  expect(await kinds({ customs, commands })).toEqual([]);
  expect(await kinds({ customs, commands, log: LOG.with(2, undefined as never) })).toEqual([]);
});
