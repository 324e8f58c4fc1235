import { describe, expect, test } from "bun:test";
import { CommandBook } from "./commands.ts";
import { type FeatureLog, type Logged, problemsOf } from "./feature-log.ts";
import { keyOf } from "./log-changes.ts";
import { NoticeModel } from "./notice-model.ts";

/** Ann gets four notifications, two of them with everybody, and two friend requests; she sees, reads, archives and answers. */
const [ANN, BEN, CID] = [20001, 20002, 20003];
const own = `user:${ANN}`;
const model = new NoticeModel();
const send = (id: number, stream: string) =>
  model.sent(
    { id, ref: `n-${id}`, kind: "a", toAll: stream === "all", collapseKey: null },
    { streams: [stream], text: "t" },
  );
const sent = [send(1, own), send(2, own), send(3, "all"), send(4, "all"), send(5, own)];
model.changed(sent[0] as (typeof sent)[number], { done: true });

const counters = (unseen: number, unreadNotifications: number, friendRequests: number) => ({
  ...{ unseen, unreadNotifications, friendRequests },
});
const self = (data: object): Logged => [own, 109, data];
const content = (id: number): Logged => [id === 3 || id === 4 ? "all" : own, 102, null, id];
const request = (from: number, requestId: number): Logged[] => [
  [`user:${from}`, 111, { uid: ANN, change: "requested", requestId }],
  [own, 10, { uid: from, unreadCount: 1 }],
  [own, 111, { uid: from, change: "requested", requestId }],
];
const LOG: readonly Logged[] = [
  ...[1, 2, 3, 4, 5].map(content),
  self({ notificationsSeen: 3, ...counters(2, 5, 0) }), // 6
  content(1), // done
  self({ notificationsRead: { ids: [4] }, ...counters(1, 3, 0) }), // 8
  self({ notificationsRead: { upTo: 2 }, ...counters(1, 2, 0) }),
  ...request(BEN, 7), // 10
  ...request(CID, 8), // 13
  self({ friendRequestsRead: 7, ...counters(1, 2, 1) }), // 16
  self({ notificationsArchived: [3], ...counters(1, 1, 1) }), // 17
  [`user:${CID}`, 111, { uid: ANN, change: "rejected", requestId: 8 }],
  [own, 111, { uid: CID, change: "rejected", requestId: 8 }],
  self(counters(1, 1, 0)), // 20
];
const NOW = counters(1, 1, 0);
const ROWS = [
  `insert into notifications values (1, 'a', 'n-1', 't', 1, 0, 0), (2, 'a', 'n-2', 't', 0, 0, 0), (3, 'a', 'n-3', 't', 0, 1, 0),
    (4, 'a', 'n-4', 't', 0, 1, 0), (5, 'a', 'n-5', 't', 0, 0, 0)`,
  `insert into notification_recipients (uid, notification_id) values (${ANN}, 1), (${ANN}, 2), (${ANN}, 5)`,
  `insert into notification_marks values (${ANN}, 3, 0, 1), (${ANN}, 4, 1, 0)`,
  `insert into notification_places values (${ANN}, 3, 2)`,
  `insert into friend_requests values (7, ${BEN}, ${ANN}, 'open', 0, 1), (8, ${CID}, ${ANN}, 'rejected', 0, 0)`,
];
const ASKED = [
  ...[1, 2, 3, 4, 5].map((id) => [keyOf.notice(id), "sent"] as const),
  [keyOf.seen(ANN), "3"],
  [keyOf.read(ANN), "one, 4"],
  [keyOf.read(ANN), "2"],
  [keyOf.archived(ANN, 3), "archived"],
  [keyOf.request(BEN, ANN), "open"],
  [keyOf.request(CID, ANN), "open"],
  [keyOf.request(CID, ANN), "rejected"],
] as const;

async function kinds(changed: Partial<FeatureLog>) {
  const commands = new CommandBook();
  for (const [key, value] of ASKED) {
    await commands.book(Promise.resolve({ status: 200, tries: 1, body: {} }), () => [{ key, value, proof: "event" }]);
  }
  return problemsOf({ log: LOG, sql: ROWS, commands, notices: model.all, counters: { [ANN]: NOW }, ...changed });
}

test("nothing is wrong", async () => {
  expect(await kinds({})).toEqual([]);
});

test("what was taken back counts no more", () => {
  const own = new NoticeModel();
  const streams = [`user:${BEN}`];
  const [first, second] = [1, 2].map((id) =>
    own.sent({ id, ref: `n-${id}`, kind: "a", toAll: false, collapseKey: null }, { streams, text: "t" }),
  );
  own.takenBack(first as (typeof sent)[number]);
  const log: Logged[] = [
    [`user:${BEN}`, 102, null, 1],
    [`user:${BEN}`, 102, null, 2],
    [`user:${BEN}`, 102, { id: 1, removed: true }, 1],
  ];
  const sql = [
    "insert into notifications values (2, 'a', 'n-2', 't', 0, 0, 0)",
    `insert into notification_recipients (uid, notification_id) values (${BEN}, 2)`,
  ];
  const found = (unseen: number) =>
    problemsOf({ log, sql, notices: own.all, counters: { [BEN]: counters(unseen, 1, 0) } });
  expect(second?.told).toEqual({ [`user:${BEN}`]: [{ text: "t", done: false }] });
  // Nobody has asked for these two, as far as the commands say.
  expect(found(1)).toEqual(["events that nobody asked for"]);
  expect(found(2)).toEqual(["counters told wrong", "events that nobody asked for"]);
});

describe("one thing is wrong", () => {
  const [LOST, UNASKED, DOT, ROW] = [
    ...["command acknowledged and lost", "events that nobody asked for", "counters told wrong"],
    "dots stored otherwise than told",
  ] as const;
  const at = (pos: number, instead?: Logged): Partial<FeatureLog> => ({ log: LOG.with(pos - 1, instead as Logged) });
  const rows = (sql: string): Partial<FeatureLog> => ({ sql: [...ROWS, sql] });
  const cases: Readonly<Record<string, readonly [Partial<FeatureLog>, readonly (string | undefined)[]]>> = {
    "a seeing that is lost": [at(6), [LOST, DOT, ROW]],
    "a reading that is lost": [at(8), [LOST, DOT, ROW]],
    "an archiving that is lost": [at(17), [LOST, DOT, ROW]],
    "seen further than was asked": [at(6, self({ notificationsSeen: 4, ...counters(1, 5, 0) })), [LOST, UNASKED, ROW]],
    "SELF with another number of unseen ones": [at(20, self(counters(2, 1, 0))), [DOT]],
    "SELF with another number of unread ones": [at(20, self(counters(1, 0, 0))), [DOT]],
    "SELF with another number of requests": [at(20, self(counters(1, 1, 1))), [DOT]],
    "HTTP with another number": [{ counters: { [ANN]: counters(0, 1, 0) } }, [DOT]],
    "HTTP with another number of requests": [{ counters: { [ANN]: counters(1, 1, 1) } }, [DOT]],
    "a place that is kept further back": [rows("update notification_places set seen_up_to = 2"), [ROW]],
    "a reading that is not kept": [rows("update notification_marks set read = 0"), [ROW]],
    "an archiving that is not kept": [rows("delete from notification_marks where notification_id = 3"), [ROW]],
    "one that is in nobody's list": [rows("delete from notification_recipients where notification_id = 5"), [ROW]],
    "one that is in a list too many": [rows(`insert into notification_recipients values (${ANN}, 4, 0, 0)`), [ROW]],
    "a request that is not read": [rows("update friend_requests set read = 0"), [ROW]],
  };
  test.each(Object.entries(cases))("%s", async (_, [changed, wanted]) => {
    expect(await kinds(changed)).toEqual([...wanted].map(String).sort());
  });
});
