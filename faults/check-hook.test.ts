import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { checkHook, type HookArrival } from "./check-hook.ts";
import { saidBy } from "./contents.ts";
import { Problems } from "./problems.ts";

/** A room with a message among its events, a person's stream with a copy and a change of friends, and a ban. */
const LOG: readonly (readonly [stream: string, seq: number, type: number])[] = [
  ["room:2", 1, 11],
  ["user:7", 1, 11], // a copy, which is not told
  ["room:2", 2, 4], // a message: not asked for
  ["room:2", 3, 106],
  ["user:7", 2, 111],
  ["room:2", 4, 8],
  ["all", 1, 7],
];
const dataOf = (stream: string, seq: number) => ({ at: `${stream} ${seq}` });
const arrival = (stream: string, seq: number, type: number, more: Partial<HookArrival> = {}): HookArrival => ({
  ...{ stream, seq, type, said: saidBy(dataOf(stream, seq)), isSigned: true, isAccepted: true, ...more },
});
const [FIRST, SECOND, THIRD] = [arrival("room:2", 1, 11), arrival("room:2", 3, 106), arrival("room:2", 4, 8)];
const [FRIEND, BLACK] = [arrival("user:7", 2, 111), arrival("all", 1, 7)];
const ALL = [FIRST, FRIEND, SECOND, THIRD, BLACK];
const refused = (one: HookArrival): HookArrival => ({ ...one, isAccepted: false });

function judged(arrivals: readonly HookArrival[]) {
  const db = new Database(":memory:");
  db.run("create table events (pos integer primary key, stream text, seq int, type int, data text)");
  for (const [stream, seq, type] of LOG) {
    const data = JSON.stringify(dataOf(stream, seq));
    db.run("insert into events (stream, seq, type, data) values (?, ?, ?, ?)", [stream, seq, type, data]);
  }
  const problems = new Problems();
  const verdict = checkHook(db, arrivals, problems);
  db.close();
  return { ...verdict, kinds: problems.kinds.sort() };
}

test("everything once, streams side by side", () => {
  expect(judged(ALL)).toEqual({ due: 5, accepted: 5, kinds: [] });
  expect(judged([BLACK, FIRST, SECOND, FRIEND, THIRD]).kinds).toEqual([]);
});

test("what was refused comes again, and so does what was accepted, from an earlier place on", () => {
  expect(judged([refused(FIRST), FIRST, refused(SECOND), FRIEND, SECOND, FIRST, SECOND, THIRD, BLACK, BLACK])).toEqual({
    due: 5,
    accepted: 5,
    kinds: [],
  });
});

describe("one thing is wrong", () => {
  const instead = (of: HookArrival, ...these: HookArrival[]) => ALL.flatMap((one) => (one === of ? these : [one]));
  test.each<readonly [string, readonly HookArrival[], readonly string[]]>([
    ["one is never told", instead(THIRD), ["webhook not told"]],
    ["one is never accepted", instead(THIRD, refused(THIRD), refused(THIRD)), ["webhook not told"]],
    ["two of a room change places", [FRIEND, FIRST, THIRD, SECOND, BLACK], ["webhook out of order"]],
    [
      "the next comes though one was refused",
      instead(SECOND, refused(SECOND), THIRD, SECOND),
      ["webhook out of order"],
    ],
    ["another data", instead(SECOND, { ...SECOND, said: 1 }), ["webhook told otherwise"]],
    ["another type", instead(SECOND, { ...SECOND, type: 8 }), ["webhook told otherwise"]],
    ["a message, which was not asked for", [...ALL, arrival("room:2", 2, 4)], ["webhook told what is not due"]],
    ["a copy in a person's stream", [...ALL, arrival("user:7", 1, 11)], ["webhook told what is not due"]],
    ["an event that is not there", [...ALL, arrival("room:9", 1, 11)], ["webhook told what is not due"]],
    ["another signature", instead(SECOND, { ...SECOND, isSigned: false }), ["webhook signed wrong"]],
  ])("%s", (_, arrivals, kinds) => {
    expect(judged(arrivals).kinds).toEqual([...kinds]);
  });
});
