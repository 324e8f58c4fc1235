import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AppEvent, AppRecord, SharedEvents } from "./app-record.ts";
import { check, type Evidence } from "./checker.ts";
import { CommandBook } from "./commands.ts";
import { askedFor } from "./contents.ts";
import { ALONE, createFeatureTables, NO_COUNTERS, NOTHING_PUSHED } from "./feature-tables.ts";
import { type Pushed, told } from "./told.ts";
import { type LastAsked, RECALLED_TEXT, WireRecord } from "./wire-record.ts";

/**
 * The checker gets runs in which exactly one thing is wrong, and has to say what. In room 2, Ada (20001) is in from the
 * beginning, Ben (20002) from seq 2 to 5 and again from 8 on. There is also the hall, and a stream for each of them.
 */
const [ADA, BEN, ANN] = [20001, 20002, 20003];
const EPOCH = "0123456789abcdef";

interface Logged {
  readonly stream: string;
  readonly type: number;
  readonly data?: object;
  readonly clientId?: string;
}

const change = (uid: number, changeType: 1 | 2): Logged => ({
  stream: "room:2",
  type: 11,
  data: { roomId: 2, uid, changeType },
});
const message = (clientId: string, stream = "room:2"): Logged => ({ stream, type: 4, clientId });

const SENT_AT = 1_700_000_000_000;
const textOf = (clientId: string) => `text ${clientId}`;

/** As the server pushes it. */
function messageData({ id, stream, seq, clientId }: { id: number; stream: string; seq: number; clientId: string }) {
  const message = { id, roomId: Number(stream.slice(5)), seq, no: seq, clientId, sendTime: SENT_AT, type: 1 };
  return { fromUser: { uid: ANN }, message: { ...message, body: { content: textOf(clientId) } } };
}

function toldOf(pushed: Pushed): AppEvent {
  const event = told(pushed);
  if (!event) throw new Error("this is not of the log");
  return event;
}

/** Message w-1, at seq 4, with its text or whatever else is changed, as the application gets it. */
function w1(change: object): AppEvent {
  const data = messageData({ id: 4, stream: "room:2", seq: 4, clientId: "w-1" });
  return toldOf({ stream: "room:2", seq: 4, type: 4, data: { ...data, message: { ...data.message, ...change } } });
}
const RECALLED = { type: 2, body: "The sender recalled this message" };

const LOG: readonly Logged[] = [
  change(ADA, 1),
  change(BEN, 1),
  message("w-0"),
  message("w-1"),
  change(BEN, 2),
  message("w-2"),
  message("w-3"),
  change(BEN, 1),
  message("w-4"),
  message("w-5", "room:1"),
  { stream: `user:${BEN}`, type: 109, data: {} },
];

let dir: string;
let file: string;
let events: (AppEvent & { text: string })[];

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "parley-checker-"));
  file = join(dir, "log.db");
  const db = new Database(file);
  db.run("create table events (pos integer primary key, stream text, seq int, type int, message_id int, data text)");
  db.run("create table room_reads (uid int, room_id int, read_seq int)");
  db.run(`create table messages (id integer primary key, room_id int, seq int, uid int, client_id text, no int,
    sent_at int, recalled_by int, body text)`);
  db.run("create table meta (key text, value text)");
  db.run("insert into meta values ('epoch', ?)", [EPOCH]);
  const heads = new Map<string, number>();
  events = LOG.map(({ stream, type, data, clientId }, index) => {
    const pos = index + 1;
    const seq = (heads.get(stream) ?? 0) + 1;
    heads.set(stream, seq);
    const isMessage = clientId !== undefined;
    db.run("insert into events values (?, ?, ?, ?, ?, ?)", [
      pos,
      stream,
      seq,
      type,
      isMessage ? pos : null,
      data ? JSON.stringify(data) : null,
    ]);
    if (isMessage) {
      db.run("insert into messages values (?, ?, ?, ?, ?, ?, ?, null, ?)", [
        pos,
        Number(stream.split(":")[1]),
        seq,
        ANN,
        clientId,
        seq,
        SENT_AT,
        JSON.stringify({ content: textOf(clientId) }),
      ]);
    }
    const text = `{"type":${type},"stream":"${stream}","seq":${seq},"data":{}}`;
    const pushed = isMessage ? messageData({ id: pos, stream, seq, clientId }) : data;
    return { ...toldOf({ stream, seq, type, data: pushed }), text };
  });
  createFeatureTables(db);
  db.close();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const SENT = {
  worker: "w",
  uid: ANN,
  asked: [2, 2, 2, 2, 2, 1].map((room, n) => askedFor(room, textOf(`w-${n}`))),
};

const NOTHING = { history: {}, statuses: {} };

type Told = (typeof events)[number];

const readable: Readonly<Record<number, (event: Told) => boolean>> = {
  [ADA]: ({ stream }) => stream === "room:1" || stream === "room:2",
  [BEN]: ({ stream, seq }) =>
    stream === "room:1" || stream === `user:${BEN}` || (stream === "room:2" && ((seq >= 2 && seq <= 5) || seq >= 8)),
};

/** A run in which each client got what `told` makes of what they may read, on the wire and in the application. */
function evidence(what: {
  told?: (events: Told[], uid: number) => Told[];
  app?: (events: Told[], uid: number) => Told[];
  changed?: Partial<Evidence>;
}): Evidence {
  const { told = (all) => all, app = (all) => all, changed } = what;
  const shared = new SharedEvents();
  const wires: WireRecord[] = [];
  const apps: AppRecord[] = [];
  for (const uid of [ADA, BEN]) {
    const wire = new WireRecord(new Map());
    const record = new AppRecord(shared);
    record.from = `${EPOCH};*@0`;
    const connection = wire.open("websocket", { resumes: false, askedAt: 1 });
    const onWire = told(events.filter(readable[uid] as (event: Told) => boolean), uid);
    for (const event of onWire) wire.frame(connection, event.text);
    for (const event of app(onWire, uid)) record.saw(event);
    wires.push(wire);
    apps.push(record);
  }
  return {
    databaseFile: file,
    uids: [ADA, BEN],
    apps: apps.map(({ log }) => log),
    // It is parsed as it is when read from a file.
    seen: JSON.parse(JSON.stringify(shared.log)),
    wire: wires.map(({ log }) => log),
    undisturbed: [],
    shown: [NOTHING, NOTHING],
    oldTexts: {},
    hiddenTexts: [],
    counters: [NO_COUNTERS, NO_COUNTERS],
    ...ALONE,
    ledger: {
      workers: [{ ...SENT, ids: [3, 4, 6, 7, 9, 10] }],
      recalls: [],
      commands: new CommandBook(),
      stored: [],
      ...NOTHING_PUSHED,
    },
    ...changed,
  };
}

const kinds = (one: Evidence) => check(one).problems.kinds.sort();
const only = (uid: number, change: (events: Told[]) => Told[]) => (all: Told[], who: number) =>
  who === uid ? change([...all]) : all;
const at = (seq: number) => events.find((event) => event.stream === "room:2" && event.seq === seq) as Told;

test("a run in which nothing is wrong", () => {
  const { problems, expected, delivered, events: count } = check(evidence({}));
  expect(problems.lines).toEqual([]);
  expect([expected, delivered, count]).toEqual([18, 18, 11]);
});

test("what the cursor had when the client began is not due", () => {
  const one = evidence({ told: (all) => all.filter((event) => !(event.stream === "room:2" && event.seq <= 4)) });
  expect(kinds(one)).toEqual(["lost"]);
  const from = `${EPOCH};*@3,room:2@4`;
  expect(kinds({ ...one, apps: one.apps.map((app) => ({ ...app, from })) })).toEqual([]);
});

describe("one thing is wrong", () => {
  const without = (seq: number) => (all: Told[]) => all.filter((event) => event !== at(seq));
  const cases: Readonly<Record<string, readonly [() => Evidence, readonly string[]]>> = {
    "the server drops one": [() => evidence({ told: only(ADA, without(4)) }), ["gap on the wire", "lost"]],
    "the server drops the last one": [() => evidence({ told: only(ADA, without(9)) }), ["lost"]],
    "the client drops one": [() => evidence({ app: only(ADA, without(4)) }), ["lost"]],
    "the client tells one twice": [() => evidence({ app: only(BEN, (all) => [...all, at(4)]) }), ["duplicated"]],
    "the client swaps two": [
      () => evidence({ app: only(BEN, (all) => [...all.filter((e) => e !== at(3)), at(3)]) }),
      ["reordered"],
    ],
    "the server sends one twice": [
      () => evidence({ told: only(ADA, (all) => [...all, at(9)]), app: (all) => [...new Set(all)] }),
      ["fell on the wire"],
    ],
    "an event after the kick": [
      () => evidence({ told: only(BEN, (all) => all.flatMap((e) => (e === at(5) ? [e, at(6)] : [e]))) }),
      ["not for this reader", "on the wire, not for this reader"],
    ],
    "the same, and the client hides it": [
      () =>
        evidence({
          told: only(BEN, (all) => all.flatMap((e) => (e === at(5) ? [e, at(6)] : [e]))),
          app: only(BEN, without(6)),
        }),
      ["on the wire, not for this reader"],
    ],
    "an event that nobody sent": [
      () => evidence({ app: only(BEN, (all) => [...all, at(7)]) }),
      ["not for this reader", "reordered", "seen, not on the wire"],
    ],
    "another message in its place": [
      () => evidence({ app: only(ADA, (all) => all.map((e) => (e === at(4) ? { ...e, messageId: 77 } : e))) }),
      ["told otherwise"],
    ],
    "another clientId": [() => tells({ clientId: "w-9" }), ["told otherwise"]],
    "another text": [() => tells({ body: { content: "text w-2" } }), ["told otherwise"]],
    "another text, to everybody": [() => tells({ body: { content: "text w-2" } }, [ADA, BEN]), ["told otherwise"]],
    "another room in the message": [() => tells({ roomId: 1 }, [ADA, BEN]), ["told otherwise"]],
    "another time": [() => tells({ sendTime: SENT_AT + 1 }, [ADA, BEN]), ["told otherwise"]],
    "told as recalled, which it is not": [() => tells(RECALLED), ["told otherwise"]],
    "another data": [() => tellsData({ roomId: 2, uid: ANN, changeType: 2 }, [BEN]), ["told otherwise"]],
    "another data, to everybody": [
      () => tellsData({ roomId: 2, uid: ANN, changeType: 2 }, [ADA, BEN]),
      ["told otherwise"],
    ],
    "an acknowledged send that is not stored": [() => ledger([3, 4, 6, 7, 9, 10, 12]), ["acknowledged and lost"]],
    "a send acknowledged as another message": [() => ledger([3, 4, 6, 7, 10, 9]), ["acknowledged as another"]],
    "a refused send that is stored": [() => ledger([3, 4, 6, 7, 9, 0]), ["refused and stored"]],
    "a RESYNC that was not on the wire": [
      () => {
        const one = evidence({});
        const aResync = { cursor: "", max: 1, told: [{ stream: "room:2", why: "far" }] };
        return { ...one, apps: one.apps.map((app, i) => (i === 0 ? { ...app, resyncs: [aResync] } : app)) };
      },
      ["RESYNC told otherwise than on the wire"],
    ],
    "a recalled text after the recall's reply": [
      () => {
        const { ledger: told } = evidence({});
        const recalls = [{ clientId: "w-1", messageId: 4, repliedAt: 100 }];
        return evidence({
          changed: { ledger: { ...told, recalls }, oldTexts: { "w-1": { 0: 101 }, "w-2": { 0: 500 } } },
        });
      },
      ["recalled text shown"],
    ],
    "what a banned person wrote": [
      () => evidence({ changed: { hiddenTexts: [{ text: "by-guest-7", from: 100, askedAt: 101, node: 0 }] } }),
      ["shown, though its author is banned"],
    ],
    "a notification that is shown after it was taken back": [
      () => {
        const takenBack = [{ ref: "n0-1", repliedAt: 100 }];
        return evidence({
          changed: { ledger: { ...evidence({}).ledger, takenBack }, oldTexts: { "n0-1": { 0: 101 } } },
        });
      },
      ["notification shown, though taken back"],
    ],
    "a banned person who is served": [
      () => {
        const commands = new CommandBook();
        commands.lateAnswers.push({ answer: "200", from: 100, askedAt: 101, node: 0 });
        return evidence({ changed: { ledger: { ...evidence({}).ledger, commands } } });
      },
      ["answered wrong"],
    ],
  };
  test.each(Object.entries(cases))("%s", (_, [make, wanted]) => {
    expect(kinds(make())).toEqual([...wanted].sort());
  });
});

describe("something is wrong with the log", () => {
  const broken = (sql: string, from: (what: Parameters<typeof evidence>[0]) => Evidence = evidence) => {
    const copy = join(dir, `${Math.random()}.db`);
    const db = new Database(file);
    db.run(`vacuum into '${copy}'`);
    db.close();
    const changed = new Database(copy);
    changed.run(sql);
    changed.close();
    return kinds({ ...from({}), databaseFile: copy });
  };

  test("a hole", () => {
    expect(broken("delete from events where pos = 4; delete from messages where id = 4")).toContain("log out of order");
  });
  test("two numbers the wrong way round", () => {
    expect(broken("update events set seq = 9 - seq where pos in (4, 5)")).toContain("log out of order");
  });
  test("a message without an event", () => {
    expect(broken("insert into messages values (50, 2, 50, 20003, 'w-6', 1, 1, null, '{}', 0, 0)")).toContain(
      "log out of order",
    );
  });
  test("a send that is stored twice", () => {
    const again = `insert into events values (12, 'room:1', 2, 4, 12, null);
      insert into messages values (12, 1, 2, ${ANN}, 'w-5', 1, 1, null, '{"content":"text w-5"}', 0, 0)`;
    expect(broken(again)).toEqual(["lost", "sends stored twice"]);
  });
  test("another text than was sent", () => {
    const other = `update messages set body = '{"content":"text w-2"}' where id = 4`;
    expect(broken(other)).toEqual(["stored otherwise than sent", "told otherwise"]);
  });
  test("other data than was told", () => {
    expect(broken("update events set data = '{\"roomId\":2}' where type = 109")).toEqual(["told otherwise"]);
  });

  describe("a message is recalled", () => {
    const recall = `update messages set recalled_by = ${ANN}, body = '{}' where id = 4`;
    const both = (first: object, second: object) => () =>
      evidence({
        app: (all, uid) => all.map((one) => (one === at(4) ? { ...one, ...w1(uid === ADA ? first : second) } : one)),
      });

    test("it may be told with its text and without", () => {
      expect(broken(recall)).toEqual([]);
      expect(broken(recall, both({}, RECALLED))).toEqual([]);
      expect(broken(recall, both(RECALLED, {}))).toEqual([]);
      expect(broken(recall, both(RECALLED, RECALLED))).toEqual([]);
    });
    test("with another text", () => {
      const other = { body: { content: "text w-2" } };
      expect(broken(recall, both(other, other))).toEqual(["told otherwise"]);
      expect(broken(recall, both(RECALLED, other))).toEqual(["told otherwise"]);
    });
    test("as another one", () => {
      const other = { ...RECALLED, clientId: "w-2" };
      expect(broken(recall, both(other, other))).toEqual(["told otherwise"]);
    });
  });
});

function ledger(ids: readonly number[]): Evidence {
  return evidence({
    changed: {
      ledger: { workers: [{ ...SENT, ids }], recalls: [], commands: new CommandBook(), stored: [], ...NOTHING_PUSHED },
    },
  });
}

/** A run in which w-1 arrives with other content. */
function tells(change: object, uids: readonly number[] = [BEN]): Evidence {
  return tellsAt(4, w1(change), uids);
}

/** A run in which the event that removes Ben arrives with other data. */
function tellsData(data: object, uids: readonly number[]): Evidence {
  return tellsAt(5, toldOf({ stream: "room:2", seq: 5, type: 11, data }), uids);
}

function tellsAt(seq: number, event: AppEvent, uids: readonly number[]): Evidence {
  const change = (all: Told[]) => all.map((one) => (one === at(seq) ? { ...one, ...event } : one));
  return evidence({ app: (all, uid) => (uids.includes(uid) ? change(all) : all) });
}

test("the text of a message to be recalled is noticed on the wire", () => {
  const oldTexts = new Map<string, LastAsked>();
  const wire = new WireRecord(oldTexts);
  const connection = wire.open("sse", { resumes: true, askedAt: 1 });
  wire.frame(connection, `{"type":4,"stream":"room:2","seq":1,"data":{"content":"${RECALLED_TEXT}w3-41"}}`);
  expect([...oldTexts]).toEqual([["w3-41", { 0: connection.askedAt }]]);
});

test("of several servers, one that hears nothing of the others may not know yet what was recalled, hidden and banned", () => {
  const commands = new CommandBook();
  commands.lateAnswers.push({ answer: "200", from: 100, askedAt: 1_200, node: 1 });
  const changed = {
    ledger: { ...evidence({}).ledger, commands, recalls: [{ clientId: "w-1", messageId: 4, repliedAt: 100 }] },
    oldTexts: { "w-1": { 0: 90, 1: 1_200 } },
    hiddenTexts: [{ text: "by-guest-7", from: 100, askedAt: 1_200, node: 1 }],
    elsewhereMs: 1_000,
  };
  const kinds = (node: number) => {
    const troubles = [{ node, kind: "no bus", from: 500, to: 700 }] as const;
    return check(evidence({ changed: { ...changed, troubles } })).problems.kinds.toSorted();
  };
  expect(kinds(1)).toEqual([]);
  expect(kinds(0)).toEqual(["answered wrong", "recalled text shown", "shown, though its author is banned"]);
});
