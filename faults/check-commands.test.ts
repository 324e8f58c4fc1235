import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { checkCommands } from "./check-commands.ts";
import { type Claim, CommandBook } from "./commands.ts";
import { keyOf } from "./log-changes.ts";

/**
 * Room 5 is Ann's. Ann brings Ben in, makes Ben an admin, renames the room, hides its history, recalls a message, removes Ben
 * and ends the room, and sends messages in between. The checker gets this run, and the same run with one thing wrong.
 */
const [ANN, BEN] = [20001, 20002];
const R = 5;

/** Stream, type and data, by position; a message (type 4) has none. */
type Logged = readonly [string, number, object?];
const room = (type: number, data: object): Logged => [`room:${R}`, type, { roomId: R, ...data }];
const member = (uid: number, changeType: 1 | 2) => room(11, { uid, changeType });
const copy = (uid: number, changeType: 1 | 2, seq: number): Logged => [
  `user:${uid}`,
  11,
  { roomId: R, uid, changeType, seq },
];
const message: Logged = [`room:${R}`, 4];

const LOG: readonly Logged[] = [
  member(ANN, 1),
  copy(ANN, 1, 1),
  message,
  member(BEN, 1), // 4
  copy(BEN, 1, 3),
  message, // 6
  room(112, { uid: BEN, role: 2 }), // 7
  message, // 8
  room(106, { name: "tea" }), // 9
  message, // 10
  room(106, { history: "joined" }), // 11
  message, // 12
  room(9, { msgId: 8, recallUid: ANN }), // 13
  message, // 14
  member(BEN, 2), // 15
  copy(BEN, 2, 13),
  message, // 17
  room(106, { dissolved: true }), // 18
];

function database(log: readonly (Logged | undefined)[], recalled: readonly number[]): Database {
  const db = new Database(":memory:");
  db.run("create table events (pos integer primary key, stream text, seq int, type int, message_id int, data text)");
  db.run("create table messages (id integer primary key, recalled_by int, body text)");
  db.run("create table room_reads (uid int, room_id int, read_seq int)");
  db.run("insert into room_reads values (?, ?, 7)", [BEN, R]);
  const heads = new Map<string, number>();
  for (const [index, event] of log.entries()) {
    const pos = index + 1;
    if (!event) continue;
    const [stream, type, data] = event;
    const seq = (heads.get(stream) ?? 0) + 1;
    heads.set(stream, seq);
    const about = type === 9 ? (data as { msgId: number }).msgId : pos;
    const row = [pos, stream, seq, type, about, data ? JSON.stringify(data) : null];
    db.run("insert into events values (?, ?, ?, ?, ?, ?)", row);
    const isRecalled = recalled.includes(pos);
    if (type === 4) {
      db.run("insert into messages values (?, ?, ?)", [pos, isRecalled ? ANN : null, isRecalled ? "{}" : '{"a":1}']);
    }
  }
  return db;
}

type Answered = readonly [claim: Claim, next: number, status?: number, tries?: number];
const event = (key: string, value: string): Claim => ({ key, value, proof: "event" });
const isSo = (key: string, value: string): Claim => ({ key, value, proof: "is so" });
const [name, history] = [keyOf.room(R, "name"), keyOf.room(R, "history")];

/** Each answer comes with the id of the message that was sent next. */
const TOLD = {
  made: [event(keyOf.member(R, ANN), "in"), 3],
  join: [event(keyOf.member(R, BEN), "in"), 6],
  role: [isSo(keyOf.role(R, BEN), "2"), 8],
  rename: [event(name, "tea"), 10],
  history: [isSo(history, "joined"), 12],
  recall: [event(keyOf.recall(R, 8), `by ${ANN}`), 14],
  kick: [event(keyOf.member(R, BEN), "out"), 17],
  dissolve: [event(keyOf.room(R, "dissolved"), "true"), 0],
} satisfies Record<string, Answered>;

async function bookOf(told: readonly Answered[]): Promise<CommandBook> {
  const book = new CommandBook();
  book.made(R, 1);
  book.read(BEN, R, 7);
  for (const [claim, next, status = 200, tries = 1] of told) {
    await book.book(Promise.resolve({ status, tries, body: {} }), () => [claim]);
    if (next > 0) book.sends()(next);
  }
  return book;
}

interface Changed {
  readonly told?: readonly Answered[];
  readonly log?: readonly (Logged | undefined)[];
  readonly recalled?: readonly number[];
  readonly book?: (book: CommandBook) => void;
}

async function kinds({ told = Object.values(TOLD), log = LOG, recalled = [8], book: more }: Changed) {
  const book = await bookOf(told);
  more?.(book);
  const db = database(log, recalled);
  const { kinds: found } = checkCommands(db, book);
  db.close();
  return found.sort();
}

const told = (changed: Partial<Record<keyof typeof TOLD, Answered>>): Changed => ({
  told: Object.values({ ...TOLD, ...changed }),
});
/** The log with one event changed or lost: what comes after it keeps its place. */
const logged = (pos: number, instead: Logged | undefined): Changed => ({ log: LOG.with(pos - 1, instead as Logged) });

const LOST = "command acknowledged and lost";
const UNASKED = "events that nobody asked for";
const NO_COPY = "change without its copy";

test("nothing is wrong", async () => {
  expect(await kinds({})).toEqual([]);
});

describe("what an answer leaves open", () => {
  const cases: Readonly<Record<string, Changed>> = {
    "refused after a try without an answer": told({ kick: [event(keyOf.member(R, BEN), "out"), 17, 404, 2] }),
    "never answered, and done": told({ rename: [event(name, "tea"), 10, 0] }),
    "never answered, and not done": { ...logged(9, message), ...told({ rename: [event(name, "tea"), 10, 0] }) },
    "a role that they had": { told: [...Object.values(TOLD).slice(0, 3), TOLD.role, ...Object.values(TOLD).slice(3)] },
    "a next message that was not stored": told({ rename: [event(name, "tea"), 0] }),
    "a reply that shows the room as it was": {
      book: (book) => {
        book.saw({ key: name, value: "room" }, 8);
        book.saw({ key: name, value: "tea" }, 9);
        book.saw({ key: history, value: "all" }, 9);
      },
    },
  };
  test.each(Object.entries(cases))("%s", async (_, changed) => {
    expect(await kinds(changed)).toEqual([]);
  });
});

describe("one thing is wrong", () => {
  const cases: Readonly<Record<string, readonly [Changed, readonly string[]]>> = {
    "a join that is lost": [
      { log: LOG.with(3, message).with(4, message).with(14, message).with(15, message), ...told({ kick: TOLD.made }) },
      [LOST],
    ],
    "a role that is lost": [logged(7, message), [LOST]],
    "a rename that is lost": [logged(9, message), [LOST]],
    "a change of the history that is lost": [logged(11, message), [LOST]],
    "a recall that is lost": [{ ...logged(13, message), recalled: [] }, [LOST]],
    "a kick that is lost": [{ log: LOG.with(14, message).with(15, message) }, [LOST]],
    "the end of a room that is lost": [logged(18, message), [LOST]],
    "a rename to another name": [logged(9, room(106, { name: "milk" })), [LOST, UNASKED]],
    "a recall by another": [
      logged(13, room(9, { msgId: 8, recallUid: BEN })),
      [LOST, UNASKED, "recalled, and still there"],
    ],
    "a role that came only later": [
      { log: LOG.with(6, message).with(7, room(112, { uid: BEN, role: 2 })), recalled: [8] },
      [LOST, "recalled, and still there"],
    ],
    "two renames to the same, one of them stored": [told({ history: TOLD.rename }), [LOST, UNASKED]],
    "a kick that was refused": [told({ kick: [event(keyOf.member(R, BEN), "out"), 17, 403] }), [UNASKED]],
    "a role of nobody's": [logged(14, room(112, { uid: BEN, role: 3 })), [UNASKED]],
    "a rename twice": [logged(14, room(106, { name: "tea" })), [UNASKED, "event that changes nothing"]],
    "a join without its copy": [logged(5, ["room:1", 4]), [NO_COPY]],
    "a copy for another": [logged(5, copy(ANN, 1, 3)), ["copy of no change", NO_COPY]],
    "an event in another room's stream": [
      { log: [...LOG, ["room:6", 106, { roomId: R, name: "milk" }]] },
      ["event of another room", UNASKED],
    ],
    "a recalled text that is kept": [{ recalled: [] }, ["recalled, and still there"]],
    "a reply that shows another name": [{ book: (book) => book.saw({ key: name, value: "milk" }, 12) }, [LOST]],
    "a reply that shows a later name": [{ book: (book) => book.saw({ key: name, value: "tea" }, 8) }, [LOST]],
    "a place of reading that is lost": [{ book: (book) => book.read(BEN, R, 8) }, [LOST]],
    "a room that nobody made": [{ log: [...LOG, ["room:6", 11, { roomId: 6, uid: ANN, changeType: 1 }]] }, [UNASKED]],
  };
  test.each(Object.entries(cases))("%s", async (_, [changed, wanted]) => {
    expect(await kinds(changed)).toEqual([...wanted].sort());
  });
});
