import { single } from "../src/db/procedures.ts";
import { ofServer } from "../src/db/share.ts";
import type { WriteTransaction } from "../src/db/transaction.ts";
import { Announcer, dataKey, type EventDataOf, type Listener } from "../src/event-log/announce.ts";
import { append, type Draft } from "../src/event-log/event-log.ts";
import { EMPTY, LogReader, NOWHERE, readPosition, streamStates } from "../src/event-log/log-reader.ts";
import type { OutboxParts } from "../src/event-log/outbox.ts";
import {
  type CursorPlace,
  cursorPlace,
  FROM_FIRST_EVENT,
  type ReaderAsk,
  type ReadWindow,
} from "../src/event-log/read-window.ts";
import { Tail } from "../src/event-log/tail.ts";
import type { ManualClock } from "../src/lib/clock.ts";
import { Retention } from "../src/retention/retention.ts";
import { openScratch, type Scratch } from "./scratch-database.ts";

/** One event to log in a test: its content is its `data`, or it is about a message. */
export interface TestEvent {
  stream: string;
  type?: number;
  data?: unknown;
  /** `own`: a MESSAGE; a number: changes that message. */
  message?: number | "own";
  /** Its data is built from the message, like a MESSAGE_UPDATE's. */
  built?: boolean;
  /** Another message that it shows too. */
  quotes?: number;
  /** The person who wrote the message. */
  author?: number;
  /** Epoch milliseconds; that of the first event counts for all that are appended together. */
  at?: number;
}

async function appendForTest(tx: WriteTransaction, events: TestEvent[]) {
  const drafts = events.map(
    ({ stream, type = 4, data = {}, message, built = message === "own", quotes, author }): Draft => {
      const text = (place: { pos: number; seq: number }) =>
        JSON.stringify(message === "own" ? { id: place.pos } : data);
      return {
        stream,
        type,
        data: text,
        cacheable: quotes === undefined,
        ...(author === undefined ? {} : { author }),
        ...(message === undefined ? {} : { message: { id: message, storesData: !built } }),
      };
    },
  );
  const appended = await append({ ...tx, now: events[0]?.at ?? 1 }, drafts);
  return appended.map(({ pos, seq }) => ({ pos, seq }));
}

/** The author of every message that is read from the rig. */
export const AUTHOR = 20_007;
/** The author of every message that is quoted. */
export const QUOTED_AUTHOR = 20_008;

export interface LogRig {
  readonly scratch: Scratch;
  readonly reader: LogReader;
  readonly tail: Tail;
  readonly announcer: Announcer;
  /** Parts of an outbox for a reader with these windows. */
  outboxParts(windowsOf: () => ReadWindow[]): OutboxParts;
  append(...events: TestEvent[]): Promise<{ pos: number; seq: number }[]>;
  /** What a message looks like now; one with `"quotes":ID` shows that message too. */
  messages: Map<number, string>;
  close(): Promise<void>;
}

/**
 * A log with its tail and announcer, on a real database. `announcing: false`: commits are not announced until `follow`. `clock`: what the
 * writer takes as the time, though the test dates the events.
 */
export async function openLog(
  options: { maxBytes?: number; announcing?: boolean; listener?: Listener; clock?: ManualClock } = {},
): Promise<LogRig> {
  const scratch = await openScratch({ appendForTest: single(appendForTest, ofServer()) }, options.clock);
  const reader = new LogReader(scratch.db);
  const tail = new Tail(reader, { position: await reader.end(), maxBytes: options.maxBytes ?? 1_000_000 });
  const messages = new Map<number, string>();
  const eventDataOf: EventDataOf = async (events) =>
    new Map(
      events.map((event) => {
        const text = messages.get(event.messageId) ?? JSON.stringify({ id: event.messageId });
        const quoted = /"quotes":(\d+)/.exec(text);
        const quotes = quoted ? [Number(quoted[1])] : [];
        return [
          dataKey(event),
          { text, author: AUTHOR, quotes, quotedAuthors: quoted ? [QUOTED_AUTHOR] : [] },
        ] as const;
      }),
    );
  const skipped = (position: number) => tail.skipTo(position);
  const announcer = new Announcer({ reader, eventDataOf, position: tail.position, skipped }, (event) => {
    tail.append(event);
    options.listener?.(event);
  });
  if (options.announcing !== false) scratch.listen((event) => void announcer.announce([event]));
  return {
    scratch,
    reader,
    tail,
    announcer,
    messages,
    outboxParts: (windowsOf) => ({
      tail,
      epoch: scratch.epoch,
      eventDataOf,
      assertHolds: () => announcer.assertHolds(),
      // Without announcements there is nothing to wait for: the log is read at once.
      whenAnnounced: (position) =>
        options.announcing === false ? announcer.announceUpTo(position) : announcer.whenAnnounced(position),
      readWindows: (reader) =>
        scratch.db.transaction().execute(async (db) => {
          const end = await readPosition(db);
          const place = await cursorPlace(db, { epoch: scratch.epoch, end }, reader);
          const windows = windowsOf().filter((window) => isAsked(window, place, reader));
          const states = await streamStates(
            db,
            windows.map(({ stream }) => stream),
          );
          const streams = windows.map((window) => ({ ...window, ...(states.get(window.stream) ?? EMPTY) }));
          return { end, userPos: place.userPos, streams };
        }),
    }),
    append: (...events) => scratch.writes.run(appendForTest, events),
    close: () => scratch.close(),
  };
}

/** Keeps the newest events of each stream and removes all others, however many rounds that takes. */
export async function keepNewest(rig: LogRig, maxEvents: number): Promise<void> {
  const { db, writes } = rig.scratch;
  const limits = { days: 0, minEvents: maxEvents, maxEvents };
  const retention = new Retention({ db, writes, announcer: rig.announcer, clock: rig.scratch.clock, limits });
  while ((await retention.look()) > 0);
}

/** A window on a whole stream. */
export function whole(stream: string): ReadWindow {
  return { stream, joined: FROM_FIRST_EVENT, left: null, leftBefore: NOWHERE };
}

/** The form that the query of memberships gives. */
function isAsked({ stream, left }: ReadWindow, { endedAfter }: CursorPlace, { cursor }: ReaderAsk): boolean {
  return left === null || left.pos > endedAfter || cursor.streams.has(stream);
}
