import { describe, expect, test } from "bun:test";
import { CommandBook } from "./commands.ts";
import { type FeatureLog, type Logged, problemsOf } from "./feature-log.ts";
import { keyOf } from "./log-changes.ts";

/** Ann asks Ben, and Ben accepts; each gives the other a new name. Cid asks Ann, who rejects. Ben asks Cid and withdraws. Dan asks Ben. */
const [ANN, BEN, CID, DAN] = [20001, 20002, 20003, 20004];
const told = (who: number, uid: number, change: string, more: object = {}): Logged => [
  `user:${who}`,
  111,
  { uid, change, ...more },
];
const apply = (who: number, uid: number): Logged => [`user:${who}`, 10, { uid, unreadCount: 1 }];
const asks = (from: number, to: number, requestId: number): Logged[] => [
  told(from, to, "requested", { requestId }),
  apply(to, from),
  told(to, from, "requested", { requestId }),
];
const both = (from: number, to: number, change: string, more: object): Logged[] => [
  told(from, to, change, more),
  told(to, from, change, more),
];
const LOG: readonly Logged[] = [
  ...asks(ANN, BEN, 1),
  ...both(ANN, BEN, "accepted", { requestId: 1, roomId: 7 }), // 4, 5
  told(ANN, BEN, "remark", { remark: "B" }), // 6
  told(BEN, ANN, "remark", { remark: "A" }),
  ...asks(CID, ANN, 2), // 8
  ...both(CID, ANN, "rejected", { requestId: 2 }), // 11, 12
  ...asks(BEN, CID, 3), // 13
  ...both(BEN, CID, "withdrawn", { requestId: 3 }), // 16, 17
  ...asks(DAN, BEN, 4), // 18
];
const ROWS = [
  `insert into friend_requests values (1, ${ANN}, ${BEN}, 'accepted', 0, 0), (2, ${CID}, ${ANN}, 'rejected', 0, 0),
    (4, ${DAN}, ${BEN}, 'open', 0, 0)`,
  `insert into friends values (${ANN}, ${BEN}, 7, 'B'), (${BEN}, ${ANN}, 7, 'A')`,
];
const ASKED = [
  [keyOf.request(ANN, BEN), "open"],
  [keyOf.request(ANN, BEN), "accepted"],
  [keyOf.friendship(ANN, BEN), "yes"],
  [keyOf.remark(ANN, BEN), "B"],
  [keyOf.remark(BEN, ANN), "A"],
  [keyOf.request(CID, ANN), "open"],
  [keyOf.request(CID, ANN), "rejected"],
  [keyOf.request(BEN, CID), "open"],
  [keyOf.request(BEN, CID), "withdrawn"],
  [keyOf.request(DAN, BEN), "open"],
] as const;

async function kinds(changed: Partial<FeatureLog>, asked: readonly (readonly [key: string, value: string])[] = ASKED) {
  const commands = new CommandBook();
  for (const [key, value] of asked) {
    await commands.book(Promise.resolve({ status: 200, tries: 1, body: {} }), () => [{ key, value, proof: "event" }]);
  }
  return problemsOf({ log: LOG, sql: ROWS, commands, ...changed });
}

test("nothing is wrong", async () => {
  expect(await kinds({})).toEqual([]);
});

test("friends who part are friends no more, and begin again", async () => {
  const log = [...LOG, ...both(BEN, ANN, "removed", {}), ...asks(ANN, BEN, 5)];
  const sql = [...ROWS, `delete from friends; update friend_requests set id = 5, state = 'open' where id = 1`];
  const asked = [...ASKED, [keyOf.friendship(ANN, BEN), "no"], [keyOf.request(ANN, BEN), "open"]] as const;
  expect(await kinds({ log, sql }, asked)).toEqual([]);
});

describe("one thing is wrong", () => {
  const [LOST, UNASKED, NO_COPY, NOTHING, ROW] = [
    ...["command acknowledged and lost", "events that nobody asked for", "change without its copy"],
    ...["event that changes nothing", "contacts stored otherwise than told"],
  ] as const;
  const without = (...positions: number[]): Partial<FeatureLog> => ({
    log: LOG.map((event, index) => (positions.includes(index + 1) ? undefined : event)),
  });
  const rows = (sql: string): Partial<FeatureLog> => ({ sql: [...ROWS, sql] });
  const more = (...events: Logged[]): Partial<FeatureLog> => ({ log: [...LOG, ...events] });
  const cases: Readonly<Record<string, readonly [Partial<FeatureLog>, readonly (string | undefined)[]]>> = {
    "a request that is lost": [without(18, 19, 20), [LOST, ROW]],
    "a request that the asked person is not told of": [without(20), [LOST, NO_COPY, ROW]],
    "a request without APPLY": [without(19), [NO_COPY]],
    "APPLY without a request": [more(apply(CID, DAN)), [NO_COPY]],
    "an acceptance that is lost": [without(4, 5), [LOST, ROW, NOTHING]],
    "an acceptance that one is not told of": [without(5), [LOST, NO_COPY, ROW, NOTHING]],
    "an acceptance with two rooms": [
      { log: LOG.with(4, told(BEN, ANN, "accepted", { requestId: 1, roomId: 8 })) },
      [NO_COPY],
    ],
    "an acceptance of a request that was withdrawn": [
      more(...both(BEN, CID, "accepted", { requestId: 3, roomId: 8 })),
      [NOTHING, ROW, UNASKED],
    ],
    "a request twice": [more(...asks(DAN, BEN, 4)), [UNASKED, NOTHING]],
    "a request of nobody's": [more(...asks(DAN, CID, 5)), [UNASKED, ROW]],
    "a rejection that is lost": [without(11, 12), [LOST, ROW]],
    "a withdrawal that is lost": [without(16, 17), [LOST, ROW]],
    "an end that nobody asked for": [more(...both(ANN, BEN, "removed", {})), [UNASKED, ROW]],
    "a remark that is lost": [without(6), [LOST, ROW]],
    "a remark on somebody who is not a friend": [more(told(ANN, CID, "remark", { remark: "C" })), [UNASKED, NOTHING]],
    "a request that is not stored": [rows("delete from friend_requests where id = 4"), [ROW]],
    "a request that is stored otherwise": [rows("update friend_requests set state = 'open' where id = 2"), [ROW]],
    "a withdrawn one that is kept": [
      rows(`insert into friend_requests values (3, ${BEN}, ${CID}, 'open', 0, 0)`),
      [ROW],
    ],
    "a friendship of one side": [rows(`delete from friends where uid = ${BEN}`), [ROW]],
    "a remark that is stored otherwise": [rows("update friends set remark = ''"), [ROW]],
    "another direct room than was told": [rows("update friends set room_id = 8"), [ROW]],
  };
  test.each(Object.entries(cases))("%s", async (_, [changed, wanted]) => {
    expect(await kinds(changed)).toEqual([...wanted].map(String).sort());
  });
});
