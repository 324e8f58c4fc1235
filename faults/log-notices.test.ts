import { describe, expect, test } from "bun:test";
import { CommandBook } from "./commands.ts";
import { type FeatureLog, type Logged, problemsOf } from "./feature-log.ts";
import { keyOf } from "./log-changes.ts";
import { NoticeModel } from "./notice-model.ts";
import type { Pushed } from "./told.ts";

/**
 * n-0 goes to 1 and 2, gets another text and is done; n-1 goes to everybody and is taken back; n-2 goes to 1, and n-3, to 1 and 2, takes its
 * place.
 */
const KIND = "approval";
const model = new NoticeModel();
const send = (id: number, streams: string[], collapseKey: string | null = null) =>
  model.sent({ id, ref: `n-${id}`, kind: KIND, toAll: streams[0] === "all", collapseKey }, { streams, text: "a" });
const first = send(1, ["user:1", "user:2"]);
const all = send(3, ["all"]);
model.changed(first, { text: "b" });
model.changed(first, { done: true });
model.takenBack(all);
send(9, ["user:1"], "k");
send(11, ["user:1", "user:2"], "k");
const NOTICES = model.all;

const content = (stream: string, id: number): Logged => [stream, 102, null, id];
const gone = (stream: string, id: number): Logged => [stream, 102, { id, removed: true }, id];
const LOG: readonly Logged[] = [
  content("user:1", 1),
  content("user:2", 1),
  content("all", 3),
  content("user:1", 1), // 4
  content("user:2", 1),
  content("user:1", 1), // 6
  content("user:2", 1),
  gone("all", 3), // 8
  content("user:1", 9),
  gone("user:1", 9), // 10
  content("user:1", 11),
  content("user:2", 11),
];
const ROWS = [
  `insert into notifications values (1, '${KIND}', 'n-1', 'b', 1, 0, 0), (3, '${KIND}', '', '', 0, 1, 1), (11, '${KIND}', 'n-11', 'a', 0, 0, 0)`,
];
const shown = (id: number, text: string, more: object = {}) => ({
  id,
  kind: KIND,
  title: `n-${id}`,
  text,
  at: 7,
  ...more,
});
const tell = (stream: string, seq: number, data: unknown): Pushed => ({ stream, seq, type: 102, data });
const TOLD = [
  ...[shown(1, "a"), shown(1, "b"), shown(1, "b", { done: true })].map((data) => tell("user:1", 1, data)),
  tell("user:2", 2, shown(1, "b")),
  tell("user:2", 2, shown(1, "b", { done: true })),
  tell("user:1", 4, shown(9, "a")),
  tell("user:1", 4, { id: 9, removed: true }),
  tell("all", 2, { id: 3, removed: true }),
];

async function kinds(changed: Partial<FeatureLog>, ids = NOTICES.map(({ id }) => id)) {
  const commands = new CommandBook();
  for (const id of ids) {
    const answer = Promise.resolve({ status: 201, tries: 1, body: { id } });
    await commands.book(answer, () => [{ key: keyOf.notice(id), value: "sent", proof: "event" }]);
  }
  return problemsOf({ log: LOG, sql: ROWS, commands, notices: NOTICES, told: TOLD, ...changed });
}

test("nothing is wrong", async () => {
  expect(await kinds({})).toEqual([]);
});

describe("one thing is wrong", () => {
  const [LOST, UNASKED, SAID, ROW] = [
    ...["command acknowledged and lost", "events that nobody asked for", "told otherwise"],
    "notifications stored otherwise than told",
  ] as const;
  const at = (pos: number, instead?: Logged): Partial<FeatureLog> => ({
    log: LOG.with(pos - 1, instead as Logged),
    told: [],
  });
  const more = (event: Logged): Partial<FeatureLog> => ({ log: [...LOG, event] });
  const rows = (sql: string): Partial<FeatureLog> => ({ sql: [...ROWS, sql] });
  const says = (stream: string, seq: number, data: unknown): Partial<FeatureLog> => ({
    told: [...TOLD, tell(stream, seq, data)],
  });
  const cases: Readonly<Record<string, readonly [Partial<FeatureLog>, readonly (string | undefined)[]]>> = {
    "one that is lost": [at(3), [LOST, UNASKED]],
    "one that one of two people does not get": [at(12), [LOST]],
    "a change that is lost": [at(6), [LOST]],
    "a taking back that is lost": [at(8), [LOST]],
    "one that stays beside what took its place": [at(10), [LOST]],
    "one that was sent twice": [more(content("all", 13)), [UNASKED]],
    "one that somebody else gets, too": [more(content("user:3", 11)), [UNASKED]],
    "a change that nobody asked for": [more(content("user:1", 11)), [UNASKED]],
    "a taking back that nobody asked for": [more(gone("user:1", 11)), [UNASKED]],
    "content after it was taken back": [more(content("all", 3)), [UNASKED]],
    "taken back where it was changed": [at(6, gone("user:1", 1)), [UNASKED]],
    "stored with its first text": [rows("update notifications set text = 'a' where id = 1"), [ROW]],
    "stored as not done": [rows("update notifications set done = 0 where id = 1"), [ROW]],
    "stored no more": [rows("delete from notifications where id = 11"), [ROW]],
    "stored still": [rows("update notifications set is_gone = 0 where id = 3"), [ROW]],
    "told with a text from before": [says("user:1", 2, shown(1, "a")), [SAID]],
    "told as done with its first text": [says("user:1", 1, shown(1, "a", { done: true })), [SAID]],
    "told as taken back, which it is not": [says("user:1", 1, { id: 1, removed: true }), [SAID]],
    "told with content where it was taken back": [says("all", 2, shown(3, "a")), [SAID]],
    "told as another": [says("user:2", 4, shown(9, "a")), [SAID]],
  };
  test.each(Object.entries(cases))("%s", async (_, [changed, wanted]) => {
    expect(await kinds(changed)).toEqual([...wanted].map(String).sort());
  });

  test("an answer that contradicts what was asked", async () => {
    const commands = new CommandBook();
    commands.wrong("notification 1 is 404");
    expect(problemsOf({ log: [], commands })).toEqual(["answered wrong"]);
  });
});
