import { describe, expect, test } from "bun:test";
import { CommandBook } from "./commands.ts";
import { type FeatureLog, type Logged, problemsOf } from "./feature-log.ts";
import { keyOf } from "./log-changes.ts";

/** Ann likes message 1, Ben too, Ann dislikes it instead, Ben takes the like away; message 2 is liked by Ann. */
const [ANN, BEN] = [20001, 20002];
const message: Logged = ["room:5", 4];
type Change = readonly [uid: number, markType: 1 | 2, markCount: number, actType: 1 | 2];
const marks = (msgId: number, changes: readonly Change[], stream = "room:5"): Logged => {
  const markList = changes.map(([uid, markType, markCount, actType]) => ({ uid, msgId, markType, markCount, actType }));
  return [stream, 8, { markList }, msgId];
};
const LOG: readonly Logged[] = [
  message,
  message,
  marks(1, [[ANN, 1, 1, 1]]),
  marks(1, [[BEN, 1, 2, 1]]),
  marks(1, [
    [ANN, 1, 1, 2],
    [ANN, 2, 1, 1],
  ]),
  marks(1, [[BEN, 1, 0, 2]]), // 6
  marks(2, [[ANN, 1, 1, 1]]),
];
const ROWS = [
  `insert into marks values (${ANN}, 1, 2), (${ANN}, 2, 1)`,
  "update messages set likes = 0, dislikes = 1 where id = 1",
  "update messages set likes = 1 where id = 2",
];

/** What people asked for, in order, between the messages with these ids. */
async function asked(wanted: readonly (readonly [uid: number, message: number, value: string])[]) {
  const book = new CommandBook();
  for (const [uid, id, value] of wanted) {
    const answer = Promise.resolve({ status: 200, tries: 1, body: {} });
    await book.book(answer, () => [{ key: keyOf.mark(uid, id), value, proof: "is so" }]);
  }
  return book;
}
const ASKED = [
  [ANN, 1, "like"],
  [BEN, 1, "like"],
  [ANN, 1, "dislike"],
  [BEN, 1, "none"],
  [ANN, 2, "like"],
] as const;

const kinds = async (changed: Partial<FeatureLog>, wanted: Parameters<typeof asked>[0] = ASKED) =>
  problemsOf({ log: LOG, sql: ROWS, commands: await asked(wanted), ...changed });

test("nothing is wrong", async () => {
  expect(await kinds({})).toEqual([]);
});

describe("one thing is wrong", () => {
  const at = (pos: number, instead: Logged | undefined): Partial<FeatureLog> => ({
    log: LOG.with(pos - 1, instead as Logged),
  });
  const rows = (sql: string): Partial<FeatureLog> => ({ sql: [...ROWS, sql] });
  const [LOST, COUNT, ROW] = [
    "command acknowledged and lost",
    "marks counted wrong",
    "marks stored otherwise than told",
  ];
  const cases: Readonly<Record<string, readonly [Partial<FeatureLog>, readonly string[]]>> = {
    "a mark that is lost": [at(7, undefined), [LOST, COUNT, ROW]],
    "a count that is told wrong": [at(7, marks(2, [[ANN, 1, 2, 1]])), [COUNT]],
    "a mark that is told twice": [
      { log: [...LOG, marks(2, [[ANN, 1, 2, 1]])] },
      [COUNT, "event that changes nothing", "events that nobody asked for"],
    ],
    "a mark is taken away that nobody has set": [
      { log: [...LOG, marks(2, [[BEN, 1, 0, 2]])] },
      [COUNT, "event that changes nothing", "events that nobody asked for"],
    ],
    "a mark of somebody who did not ask": [
      { log: [...LOG, marks(2, [[BEN, 2, 1, 1]])] },
      [COUNT, "events that nobody asked for", ROW],
    ],
    "a row that is lost": [rows("delete from marks where message_id = 2"), [COUNT, ROW]],
    "a row of the other mark": [rows("update marks set type = 1 where message_id = 1"), [COUNT, ROW]],
    "a row too many": [rows(`insert into marks values (${BEN}, 2, 1)`), [COUNT, ROW]],
    "a message that has counted wrong": [rows("update messages set likes = 2 where id = 2"), [COUNT]],
    "a message that counts marks without any": [rows("insert into messages (id, likes) values (9, 1)"), [COUNT]],
    "a mark in another room": [at(7, marks(2, [[ANN, 1, 1, 1]], "room:6")), ["event of another room"]],
  };
  test.each(Object.entries(cases))("%s", async (_, [changed, wanted]) => {
    expect(await kinds(changed)).toEqual([...wanted].sort());
  });

  test("a reply that shows another mark than the log", async () => {
    expect(await kinds({}, [...ASKED, [BEN, 2, "dislike"]])).toEqual([LOST]);
  });
});
