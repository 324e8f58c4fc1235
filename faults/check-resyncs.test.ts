import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppRecord, SharedEvents } from "./app-record.ts";
import type { AppState } from "./app-resyncs.ts";
import { check } from "./checker.ts";
import { CommandBook } from "./commands.ts";
import { ALONE, createFeatureTables, NO_COUNTERS, NOTHING_PUSHED } from "./feature-tables.ts";
import type { ResyncFrame } from "./resync-due.ts";
import { WireRecord } from "./wire-record.ts";

/**
 * Ada is in room 2 and in the hall. She goes offline at position 3, asks to go on when the log ends at 10, and reads state at 11,
 * when room 2 has 10 events. The checker gets this run, and the same run with one thing wrong.
 */
const ADA = 20001;
const EPOCH = "0123456789abcdef";
const OTHER = "fedcba9876543210";
const STREAMS = [...Array(9).fill("room:2"), "room:1", ...Array(4).fill("room:2"), "room:1"] as string[];
const heads: Record<string, number> = {};
const LOG = STREAMS.map((stream, index) => {
  heads[stream] = (heads[stream] ?? 0) + 1;
  return { pos: index + 1, stream, seq: heads[stream], isMessage: index > 0 };
});
type Logged = (typeof LOG)[number];

let dir: string;
let file: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "parley-returns-"));
  file = join(dir, "log.db");
  const db = new Database(file);
  db.run("create table events (pos integer primary key, stream text, seq int, type int, message_id int, data text)");
  db.run("create table room_reads (uid int, room_id int, read_seq int)");
  db.run(`create table messages (id integer primary key, room_id int, seq int, uid int, client_id text, no int,
    sent_at int, recalled_by int, body text)`);
  db.run(`create table meta (key text, value text); insert into meta values ('epoch', '${EPOCH}')`);
  for (const { pos, stream, seq, isMessage } of LOG) {
    const data = isMessage ? null : JSON.stringify({ roomId: 2, uid: ADA, changeType: 1 });
    db.run("insert into events values (?, ?, ?, ?, ?, ?)", [
      pos,
      stream,
      seq,
      isMessage ? 4 : 11,
      isMessage ? pos : null,
      data,
    ]);
    if (isMessage)
      db.run(`insert into messages values (?, ?, ?, 7, ?, 1, 1, null, '{"content":""}')`, [
        pos,
        Number(stream.slice(5)),
        seq,
        `m-${pos}`,
      ]);
  }
  createFeatureTables(db);
  db.close();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Story {
  readonly kind: "far" | "epoch";
  readonly max: number;
  /** On the wire, and as the application got it. */
  readonly sent: readonly ResyncFrame[];
  readonly told: readonly ResyncFrame[];
  /** The server was killed with the first ones on the wire. */
  readonly sentBefore?: readonly ResyncFrame[];
  readonly state: AppState | undefined;
  /** Positions of the events that came after. */
  readonly after: readonly number[];
  readonly history: readonly number[];
}

const FAR: ResyncFrame = { stream: "room:2", seq: 9, why: "far" };
const EPOCHS: ResyncFrame = { stream: "*", cursor: `${EPOCH};*@10`, why: "epoch" };
const asOf = `${EPOCH};*@11`;
const far: Story = {
  kind: "far",
  max: 3,
  sent: [FAR],
  told: [FAR],
  state: { everything: false, asOf, rooms: [{ id: 2, seq: 10, asOf }] },
  after: [10, 12, 13, 14, 15],
  history: [2, 3, 4, 5, 6, 7, 8, 9, 11, 12],
};
const epoch: Story = {
  ...far,
  kind: "epoch",
  max: 100,
  sent: [EPOCHS],
  told: [EPOCHS],
  state: {
    everything: true,
    asOf,
    rooms: [
      { id: 1, seq: 1 },
      { id: 2, seq: 10 },
    ],
  },
  after: [12, 13, 14, 15],
};

const LATER = { askedAt: Number.POSITIVE_INFINITY, answeredAt: Number.POSITIVE_INFINITY };
const AS_OF_12 = `${EPOCH};*@12`;
/** Message 10 was acknowledged before she asked, and 11 was sent only after she got her answer. */
const ENDED_AT_10 = [
  { id: 10, askedAt: 0, answeredAt: 0 },
  { ...LATER, id: 11 },
];

function verdictOn({ kind, max, sent, told, sentBefore, state, after, history }: Story, stored = ENDED_AT_10) {
  const record = new AppRecord(new SharedEvents());
  const wire = new WireRecord(new Map());
  record.from = `${EPOCH};*@0`;
  const cursor = `${kind === "far" ? EPOCH : OTHER};*@3`;
  const come = (events: readonly Logged[], before?: readonly ResyncFrame[]) => {
    const connection = wire.open("websocket", { resumes: true, askedAt: 1 });
    if (before) connection.asked = { cursor, max, askedAt: 1, node: 0, kept: undefined };
    for (const data of before ?? []) wire.frame(connection, JSON.stringify({ type: 108, data }));
    if (events.length > 0 || before === sent) wire.frame(connection, '{"type":115,"data":{"cursor":"","live":true}}');
    for (const { pos, stream, seq, isMessage } of events) {
      wire.frame(connection, `{"type":4,"stream":"${stream}","seq":${seq},"data":{}}`);
      const messageId = isMessage ? pos : undefined;
      record.saw({ stream, seq, type: isMessage ? 4 : 11, messageId, said: pos, isRecalled: false });
    }
  };
  come(LOG.slice(0, 3));
  if (sentBefore) come([], sentBefore);
  come([], sent);
  for (const one of told) record.resyncs.told(one, { cursor, max });
  if (state) record.resyncs.reloaded(state);
  come(after.map((pos) => LOG[pos - 1] as Logged));
  return check({
    databaseFile: file,
    uids: [ADA],
    apps: [record.log],
    seen: {},
    wire: [wire.log],
    undisturbed: [0],
    shown: [{ history: { "room:2": history, "room:1": [10, 15] }, statuses: {} }],
    oldTexts: {},
    hiddenTexts: [],
    counters: [NO_COUNTERS],
    ledger: { workers: [], recalls: [], commands: new CommandBook(), stored, ...NOTHING_PUSHED },
    ...ALONE,
  });
}

test("a RESYNC of each kind, with nothing lost", () => {
  const verdict = verdictOn(far);
  expect(verdict.problems.lines).toEqual([]);
  expect(verdict.resyncs).toEqual({ starts: 1, told: { far: 1 }, excused: 0, covered: 7, open: 7, closed: 0 });
  expect([verdict.expected, verdict.delivered]).toEqual([8, 8]);
  expect(verdictOn(epoch).problems.lines).toEqual([]);
  expect(verdictOn(epoch).resyncs).toEqual({
    starts: 1,
    told: { epoch: 1 },
    excused: 0,
    covered: 8,
    open: 8,
    closed: 0,
  });
  // The server was killed with half of the RESYNC on the wire: it comes again, and once to the application.
  expect(verdictOn({ ...far, sentBefore: [FAR] }).problems.lines).toEqual([]);
});

test("what was committed around the start counts either way", () => {
  // At 10 she is 7 events behind, at 12 she is 9. Messages 11 and 12 are stored, but nobody has heard of them at the start.
  const around = [
    { id: 10, askedAt: 0, answeredAt: 0 },
    { ...LATER, id: 13 },
  ];
  const none = { sent: [], told: [], state: undefined, after: LOG.slice(3).map(({ pos }) => pos) };
  const later = { ...FAR, seq: 11 };
  const resynced = {
    sent: [later],
    told: [later],
    state: { everything: false, asOf: AS_OF_12, rooms: [{ id: 2, seq: 11 }] },
  };
  const kinds = (story: Story, stored = around) => verdictOn(story, stored).problems.kinds;
  expect(kinds({ ...far, ...none, max: 8 })).toEqual([]);
  expect(kinds({ ...far, ...resynced, max: 8, after: [10, 13, 14, 15] })).toEqual([]);
  // Once they were acknowledged before she asked, there is no doubt.
  expect(kinds({ ...far, ...none, max: 8 }, [{ id: 12, askedAt: 0, answeredAt: 0 }])).toEqual(["RESYNC missing"]);
});

describe("one thing is wrong", () => {
  const none = { sent: [], told: [], state: undefined };
  const everything = LOG.slice(3).map(({ pos }) => pos);
  const both = (...frames: ResyncFrame[]) => ({ sent: frames, told: frames });
  const room1: ResyncFrame = { stream: "room:1", seq: 1, why: "far" };
  const cases: Readonly<Record<string, readonly [Story, readonly string[]]>> = {
    "no RESYNC far": [{ ...far, ...none, after: everything }, ["RESYNC missing"]],
    "no RESYNC far, and what it stands for": [{ ...far, ...none }, ["RESYNC missing", "lost"]],
    "no RESYNC epoch": [{ ...epoch, ...none, after: everything }, ["RESYNC missing"]],
    "RESYNC far for a reader who is not far behind": [{ ...far, max: 7 }, ["RESYNC not due"]],
    "RESYNC far for a stream more than is needed": [{ ...far, ...both(FAR, room1) }, ["RESYNC not due"]],
    "RESYNC far for another than the furthest": [{ ...far, max: 6, ...both(room1) }, ["RESYNC not due", "lost"]],
    "RESYNC with a seq that was not the newest": [{ ...far, ...both({ ...FAR, seq: 8 }, room1) }, ["RESYNC not due"]],
    "RESYNC of another reason": [{ ...far, ...both({ ...FAR, why: "trimmed" }) }, ["RESYNC not due"]],
    "RESYNC epoch for a cursor of the right one": [{ ...epoch, kind: "far" }, ["RESYNC not due"]],
    "RESYNC that names the other epoch": [
      { ...epoch, ...both({ ...EPOCHS, cursor: `${OTHER};*@10` }) },
      ["RESYNC not due"],
    ],
    "the client does not tell it": [
      { ...far, told: [], state: undefined },
      ["RESYNC told otherwise than on the wire", "lost"],
    ],
    "the client tells one of its own": [
      { ...far, sent: [] },
      ["RESYNC missing", "RESYNC told otherwise than on the wire", "lost"],
    ],
    "a hole right behind the state": [{ ...far, after: [10, 13, 14, 15] }, ["lost"]],
    "a hole later on": [{ ...far, after: [10, 12, 14, 15] }, ["gap on the wire", "lost"]],
    "a hole in a stream that has no RESYNC": [{ ...far, after: [12, 13, 14, 15] }, ["lost"]],
    "a hole behind all state": [{ ...epoch, after: [13, 14, 15] }, ["lost"]],
    "an event that the state has": [{ ...far, after: [10, 11, 12, 13, 14, 15] }, ["not for this reader"]],
    "an event twice": [{ ...epoch, after: [12, 13, 14, 15, 15] }, ["duplicated", "fell on the wire"]],
    "no state was read": [{ ...epoch, state: undefined }, ["lost", "state does not fit its place"]],
    "state that says more than it has": [
      {
        ...epoch,
        state: { everything: true, asOf: `${EPOCH};*@12`, rooms: [{ id: 2, seq: 10 }] },
        after: [13, 14, 15],
      },
      ["state does not fit its place"],
    ],
    "a missed message that nobody can read": [{ ...far, history: [2, 3, 4, 5, 7, 8, 9, 11] }, ["lost before a RESYNC"]],
  };
  test.each(Object.entries(cases))("%s", (_, [story, wanted]) => {
    expect(verdictOn(story).problems.kinds.sort()).toEqual([...wanted].sort());
  });
});
