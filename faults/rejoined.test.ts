import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppRecord, SharedEvents } from "./app-record.ts";
import type { AppState } from "./app-resyncs.ts";
import type { Shown } from "./check-history.ts";
import type { ServerLife } from "./check-starts.ts";
import { check, missed } from "./checker.ts";
import { CommandBook } from "./commands.ts";
import { ALONE, createFeatureTables, NO_COUNTERS, NOTHING_PUSHED } from "./feature-tables.ts";
import type { StoredAt } from "./moments.ts";
import type { ResyncFrame } from "./resync-due.ts";
import type { Trouble } from "./troubles.ts";
import type { KeptPoll } from "./wire-log.ts";
import { WireRecord } from "./wire-record.ts";

/**
 * Ben is in room 2 with Ann. Ben leaves it at position 4, comes back at 6, leaves again at 9 and comes back at 11. Ben also leaves
 * room 3, at 14, and comes back at 16, when it hides what was said earlier.
 */
const BEN = 20002;
const EPOCH = "0123456789abcdef";
/** Messages that were sent while Ben was out. */
const MISSED = [5, 10, 15];
const FOREVER = Number.POSITIVE_INFINITY;

interface Logged {
  readonly pos: number;
  readonly stream: string;
  readonly seq: number;
  readonly data: object | undefined;
}

const change = (roomId: number, changeType: 1 | 2) => ({ roomId, uid: BEN, changeType });
const message = undefined;
const heads: Record<string, number> = {};
const LOG: readonly Logged[] = (
  [
    ["room:2", change(2, 1)], // 1
    ["room:2", message], // 2
    ["room:2", message], // 3
    ["room:2", change(2, 2)], // 4
    ["room:2", message], // 5: said while Ben was out
    ["room:2", change(2, 1)], // 6
    ["room:2", message], // 7
    ["room:1", message], // 8
    ["room:2", change(2, 2)], // 9
    ["room:2", message], // 10: said while Ben was out
    ["room:2", change(2, 1)], // 11
    ["room:3", change(3, 1)], // 12
    ["room:3", message], // 13
    ["room:3", change(3, 2)], // 14
    ["room:3", { roomId: 3, history: "joined" }], // 15
    ["room:3", change(3, 1)], // 16
    ["room:2", message], // 17
  ] as const
).map(([stream, data], index) => {
  heads[stream] = (heads[stream] ?? 0) + 1;
  return { pos: index + 1, stream, seq: heads[stream], data };
});

let dir: string;
let file: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "parley-rejoined-"));
  file = join(dir, "log.db");
  const db = new Database(file);
  db.run("create table events (pos integer primary key, stream text, seq int, type int, message_id int, data text)");
  db.run("create table room_reads (uid int, room_id int, read_seq int)");
  db.run(`create table messages (id integer primary key, room_id int, seq int, uid int, client_id text, no int,
    sent_at int, recalled_by int, body text)`);
  db.run(`create table meta (key text, value text); insert into meta values ('epoch', '${EPOCH}')`);
  for (const { pos, stream, seq, data } of LOG) {
    const id = data ? null : pos;
    db.run("insert into events values (?, ?, ?, ?, ?, ?)", [
      pos,
      stream,
      seq,
      typeOf(data),
      id,
      JSON.stringify(data) ?? null,
    ]);
    const body = '{"content":""}';
    const values = [pos, Number(stream.slice(5)), seq, `m-${pos}`, body];
    if (!data) db.run("insert into messages values (?, ?, ?, 7, ?, 1, 1, null, ?)", values);
  }
  createFeatureTables(db);
  db.close();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function typeOf(data: object | undefined): number {
  if (!data) return 4;
  return "changeType" in data ? 11 : 106;
}

interface Story {
  /** The cursor from which Ben goes on; Ben has everything up to there. */
  readonly cursor: string;
  /** The log ended between these positions. */
  readonly span: readonly [from: number, to: number];
  readonly sent: readonly ResyncFrame[];
  /** False if the connection broke right at the last RESYNC. */
  readonly whole?: boolean;
  readonly kept?: KeptPoll;
  readonly lives?: readonly ServerLife[];
  readonly troubles?: readonly Trouble[];
  readonly late?: ResyncFrame;
}

/** Messages that prove that the log ended between these positions when a client asked. */
function storedAround(from: number, to: number): StoredAt[] {
  return [
    { id: from, askedAt: 0, answeredAt: 0 },
    { id: to + 1, askedAt: FOREVER, answeredAt: FOREVER },
  ];
}

/** What is wrong with what came on the wire, whatever the application got. */
function problemsOf(story: Story): string[] {
  const { cursor, sent, whole = true, kept, lives = [], troubles = [], late } = story;
  const [from, to] = story.span;
  const wire = new WireRecord(new Map());
  const connection = wire.open("sse", { resumes: true, askedAt: 1 });
  connection.asked = { cursor: `${EPOCH};${cursor}`, max: 1000, askedAt: 1000, node: 0, kept };
  for (const data of sent) wire.frame(connection, JSON.stringify({ type: 108, data }));
  if (whole) wire.frame(connection, '{"type":115,"data":{"cursor":"","live":true}}');
  if (late) wire.frame(connection, JSON.stringify({ type: 108, data: late }));
  const record = new AppRecord(new SharedEvents());
  record.from = `${EPOCH};*@${LOG.length}`;
  const { problems } = check({
    databaseFile: file,
    uids: [BEN],
    apps: [record.log],
    wire: [wire.log],
    undisturbed: [],
    seen: {},
    shown: [{ history: {}, statuses: {} }],
    oldTexts: {},
    hiddenTexts: [],
    counters: [NO_COUNTERS],
    ledger: {
      workers: [],
      recalls: [],
      commands: new CommandBook(),
      stored: storedAround(from, to),
      ...NOTHING_PUSHED,
    },
    ...ALONE,
    lives,
    troubles,
  });
  return problems.kinds;
}

const rejoined = (stream: string, seq: number): ResyncFrame => ({ stream, seq, why: "rejoined" });
const MISSING = ["RESYNC missing"];
const UNDUE = ["RESYNC not due"];

describe("after a return", () => {
  const cases: Readonly<Record<string, readonly [Story, readonly string[]]>> = {
    "RESYNC comes": [{ cursor: "*@3", span: [8, 8], sent: [rejoined("room:2", 5)] }, []],
    "RESYNC comes where the entry lies before the leaving": [
      { cursor: "*@8,room:2@3", span: [8, 8], sent: [rejoined("room:2", 5)] },
      [],
    ],
    "RESYNC is missing": [{ cursor: "*@3", span: [8, 8], sent: [] }, MISSING],
    "RESYNC names the joining": [{ cursor: "*@3", span: [8, 8], sent: [rejoined("room:2", 6)] }, UNDUE],
    "RESYNC names the first return of two": [{ cursor: "*@3", span: [11, 11], sent: [rejoined("room:2", 5)] }, UNDUE],
    "RESYNC names the last return of two": [{ cursor: "*@3", span: [11, 11], sent: [rejoined("room:2", 9)] }, []],
    "RESYNC comes for a cursor within the second membership": [
      { cursor: "*@7", span: [11, 11], sent: [rejoined("room:2", 9)] },
      [],
    ],
    "RESYNC has another reason": [
      { cursor: "*@3", span: [8, 8], sent: [{ stream: "room:2", seq: 5, why: "far" }] },
      UNDUE,
    ],
    "RESYNC comes twice for a room": [
      { cursor: "*@3", span: [8, 8], sent: [rejoined("room:2", 5), rejoined("room:2", 5)] },
      UNDUE,
    ],
    "RESYNC comes for another room as well": [
      { cursor: "*@3", span: [8, 8], sent: [rejoined("room:2", 5), rejoined("room:1", 0)] },
      UNDUE,
    ],
    "the leaving was seen": [{ cursor: "*@4", span: [8, 8], sent: [] }, []],
    "the leaving was seen, by its entry": [{ cursor: "*@3,room:2@4", span: [8, 8], sent: [] }, []],
    "the leaving was seen, and RESYNC comes": [{ cursor: "*@4", span: [8, 8], sent: [rejoined("room:2", 5)] }, UNDUE],
    "a first joining, and RESYNC comes": [{ cursor: "*@11", span: [13, 13], sent: [rejoined("room:3", 0)] }, UNDUE],
    "they have only left": [{ cursor: "*@3", span: [5, 5], sent: [] }, []],
    "they have only left, and RESYNC comes": [{ cursor: "*@3", span: [5, 5], sent: [rejoined("room:2", 5)] }, UNDUE],
    "they have left once more": [{ cursor: "*@3", span: [10, 10], sent: [rejoined("room:2", 5)] }, []],
    "they came back around the moment of the start: RESYNC comes": [
      { cursor: "*@3", span: [5, 7], sent: [rejoined("room:2", 5)] },
      [],
    ],
    "they came back around the moment of the start: none comes": [{ cursor: "*@3", span: [5, 7], sent: [] }, []],
    "two rooms": [{ cursor: "*@8,room:3@1", span: [17, 17], sent: [rejoined("room:2", 9), rejoined("room:3", 4)] }, []],
    "a room of which the cursor knows nothing yet": [
      { cursor: "*@11", span: [17, 17], sent: [rejoined("room:3", 4)] },
      [],
    ],
    "two rooms, and RESYNC for one": [
      { cursor: "*@8,room:3@1", span: [17, 17], sent: [rejoined("room:2", 9)] },
      MISSING,
    ],
    "two rooms, and the connection breaks between": [
      { cursor: "*@8,room:3@1", span: [17, 17], sent: [rejoined("room:2", 9)], whole: false },
      [],
    ],
    "RESYNC comes in the middle of a connection": [
      { cursor: "*@4", span: [8, 8], sent: [], late: rejoined("room:2", 5) },
      UNDUE,
    ],
  };
  test.each(Object.entries(cases))("%s", (_, [story, wanted]) => {
    expect(problemsOf(story)).toEqual([...wanted]);
  });
});

describe("a poll goes on where the last one ended", () => {
  const due = { cursor: "*@3", span: [8, 8] as const };
  const sent = [rejoined("room:2", 5)];
  const one = { node: 0, from: 0, to: FOREVER };
  const cutOff = (node: number): Trouble => ({ node, kind: "no database", from: 600, to: 700 });
  const cases: Readonly<Record<string, readonly [Omit<Story, "cursor" | "span">, readonly string[]]>> = {
    "its reader was kept, and is told nothing": [{ sent: [], kept: { since: 500, isSure: true }, lives: [one] }, []],
    "its reader was kept, and is told RESYNC": [{ sent, kept: { since: 500, isSure: true }, lives: [one] }, UNDUE],
    "its reader may have been kept": [{ sent: [], kept: { since: 500, isSure: false }, lives: [one] }, []],
    "its reader may not have been kept": [{ sent, kept: { since: 500, isSure: false }, lives: [one] }, []],
    "the server was started anew": [
      {
        sent: [],
        kept: { since: 500, isSure: true },
        lives: [
          { node: 0, from: 0, to: 600 },
          { node: 0, from: 700, to: FOREVER },
        ],
      },
      MISSING,
    ],
    "the server has begun to stop": [
      { sent, kept: { since: 500, isSure: true }, lives: [{ node: 0, from: 0, to: 600 }] },
      [],
    ],
    "another server was started anew": [
      { sent, kept: { since: 500, isSure: true }, lives: [one, { node: 1, from: 700, to: FOREVER }] },
      UNDUE,
    ],
    "the server was cut off meanwhile": [
      { sent, kept: { since: 500, isSure: true }, lives: [one], troubles: [cutOff(0)] },
      [],
    ],
    "another server was cut off": [
      { sent, kept: { since: 500, isSure: true }, lives: [one], troubles: [cutOff(1)] },
      UNDUE,
    ],
  };
  test.each(Object.entries(cases))("%s", (_, [story, wanted]) => {
    expect(problemsOf({ ...due, ...story })).toEqual([...wanted]);
  });
});

/** Ben reads from position 1 on, goes offline at `had`, and gets RESYNC when the log ends at `end`. */
function verdictOn(what: {
  had: number;
  end: number;
  sent: readonly ResyncFrame[];
  state: AppState["rooms"];
  after: readonly number[];
  shown: Shown;
}) {
  const { had, end, sent, state, after, shown } = what;
  const record = new AppRecord(new SharedEvents());
  const wire = new WireRecord(new Map());
  record.from = `${EPOCH};*@1`;
  const come = (positions: readonly number[]) => {
    const connection = wire.open("websocket", { resumes: false, askedAt: 1 });
    for (const pos of positions) {
      const { stream, seq, data } = LOG[pos - 1] as Logged;
      wire.frame(connection, `{"type":${typeOf(data)},"stream":"${stream}","seq":${seq},"data":{}}`);
      record.saw({ stream, seq, type: typeOf(data), messageId: data ? undefined : pos, said: pos, isRecalled: false });
    }
  };
  come(LOG.map(({ pos }) => pos).filter((pos) => pos > 1 && pos <= had && !MISSED.includes(pos)));
  const cursor = `${EPOCH};*@${had}`;
  const connection = wire.open("websocket", { resumes: true, askedAt: 1 });
  connection.asked = { cursor, max: 1000, askedAt: 1000, node: 0, kept: undefined };
  for (const data of sent) {
    wire.frame(connection, JSON.stringify({ type: 108, data }));
    record.resyncs.told(data, { cursor, max: 1000 });
  }
  wire.started(connection);
  record.resyncs.reloaded({ everything: false, asOf: "", rooms: state });
  come(after);
  const witnesses = { databaseFile: file, uids: [BEN], apps: [record.log], wire: [wire.log], undisturbed: [] };
  const verdict = check({
    ...witnesses,
    seen: {},
    shown: [shown],
    oldTexts: {},
    hiddenTexts: [],
    counters: [NO_COUNTERS],
    ledger: {
      workers: [],
      recalls: [],
      commands: new CommandBook(),
      stored: storedAround(end, end),
      ...NOTHING_PUSHED,
    },
    ...ALONE,
  });
  return { ...verdict, missed: missed(witnesses)[0]?.map(({ id, isOpen }) => [id, isOpen]) };
}

describe("what came before a return is excused, and nothing else", () => {
  const open = {
    had: 2,
    end: 11,
    sent: [rejoined("room:2", 9)],
    state: [{ id: 2, seq: 10, asOf: `${EPOCH};*@11` }],
    after: [8, 12, 13, 14, 16, 17],
    shown: { history: { "room:2": [2, 3, 5, 7, 10, 17] }, statuses: {} },
  };
  const closed = {
    had: 12,
    end: 17,
    sent: [rejoined("room:3", 4)],
    state: [{ id: 3, seq: 5, asOf: `${EPOCH};*@17` }],
    after: [17],
    shown: { history: { "room:3": [] }, statuses: { 13: 404 } },
  };

  test("where the room shows its history, its messages are in it", () => {
    const verdict = verdictOn(open);
    expect(verdict.problems.lines).toEqual([]);
    // The joining itself lies behind the return and is part of the state.
    expect(verdict.resyncs).toEqual({ starts: 1, told: { rejoined: 1 }, excused: 5, covered: 1, open: 4, closed: 0 });
    expect(verdict.missed).toEqual([3, 5, 7, 10].map((id) => [id, true]));
    const partly = { ...open.shown, history: { "room:2": [2, 3, 5, 10, 17] } };
    expect(verdictOn({ ...open, shown: partly }).problems.kinds).toEqual(["lost before a RESYNC"]);
  });

  test("where the room hides it, they are nowhere", () => {
    const verdict = verdictOn(closed);
    expect(verdict.problems.lines).toEqual([]);
    expect(verdict.resyncs).toEqual({ starts: 1, told: { rejoined: 1 }, excused: 2, covered: 1, open: 0, closed: 1 });
    expect(verdict.missed).toEqual([[13, false]]);
    const inHistory = { history: { "room:3": [13] }, statuses: {} };
    const byItself = { history: { "room:3": [] }, statuses: { 13: 200 } };
    for (const shown of [inHistory, byItself]) {
      expect(verdictOn({ ...closed, shown }).problems.kinds).toEqual(["shown, though the room hides it"]);
    }
  });

  test("what comes later is due, and so are other rooms", () => {
    expect(verdictOn({ ...open, after: [8, 12, 13, 14, 16] }).problems.kinds).toEqual(["lost"]);
    expect(verdictOn({ ...open, after: [12, 13, 14, 16, 17] }).problems.kinds).toEqual(["lost"]);
  });

  test("a client that goes on behind the joining without state loses it", () => {
    expect(verdictOn({ ...open, state: [] }).problems.kinds).toEqual(["lost"]);
  });
});
