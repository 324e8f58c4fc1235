import { expect, test } from "bun:test";
import { ME, message, SENT_AT } from "../test/conversation-scene.ts";
import { receiptsOf } from "./receipts.ts";

const [ANN, BEN] = [20_001, 20_002];
const member = (uid: number, joinedAt = 0) => ({
  ...{ uid, name: `name of ${uid}`, avatar: "", role: 3 as const },
  ...{ joinedAt, mutedUntil: null },
});
const mine = (id: number) => message(id, { uid: ME.uid });
const GROUP = [ME.uid, ANN, BEN].map((uid) => member(uid));

function shown(
  items: ReturnType<typeof message>[],
  places: [number, number][],
  { members = GROUP, isDirect = false } = {},
) {
  const receipts = receiptsOf(items, { places: new Map(places), members, me: ME.uid, isDirect });
  return [...receipts].map(([id, { text, names }]) => [id, text, names]);
}

test("the user's newest message says how many have read it, and who", () => {
  const items = [mine(1), mine(2), message(3)];
  expect(shown(items, [[ANN, 3]])).toEqual([[2, "Read by 1", "name of 20001"]]);
  const all: [number, number][] = [
    [ANN, 3],
    [BEN, 2],
  ];
  expect(shown(items, all)).toEqual([[2, "Read by all", "name of 20001, name of 20002"]]);
});

test("where nobody has read it yet, the newest that somebody has read says so as well", () => {
  const items = [mine(1), mine(2), mine(3), mine(4)];
  expect(shown(items, [[ANN, 2]])).toEqual([
    [4, "Sent", ""],
    [2, "Read by 1", "name of 20001"],
  ]);
  expect(shown(items, [])).toEqual([[4, "Sent", ""]]);
});

test("in a direct room it says no number", () => {
  const members = GROUP.slice(0, 2);
  expect(shown([mine(1)], [[ANN, 1]], { members, isDirect: true })).toEqual([[1, "Read", ""]]);
});

test("nothing is said of people who came later, in a room of one, and below what others wrote or what was recalled", () => {
  const members = [member(ME.uid), member(ANN, SENT_AT + 9)];
  expect(shown([mine(1)], [[ANN, 9]], { members })).toEqual([[1, "Sent", ""]]);
  expect(shown([mine(1)], [], { members: GROUP.slice(0, 1) })).toEqual([]);
  const recalled = mine(2);
  recalled.message.type = 2;
  expect(shown([mine(1), recalled, message(3)], [[ANN, 3]])).toEqual([[1, "Read by 1", "name of 20001"]]);
});
