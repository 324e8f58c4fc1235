import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { defineWrite } from "../db/transaction.ts";
import { Announcer, type Listener } from "./announce.ts";
import { append, type Draft } from "./event-log.ts";
import { LogReader } from "./log-reader.ts";
import type { OutboxParts } from "./outbox.ts";
import type { ReadWindow } from "./subscriptions.ts";
import { Tail } from "./tail.ts";

/** One event to log in a test: what it says is its `data`, or it is about a message. */
export interface TestEvent {
  stream: string;
  type?: number;
  data?: unknown;
  /** `own`: a MESSAGE; a number: changes that message. */
  message?: number | "own";
}

export const appendForTest = defineWrite("test.append", async (tx, events: TestEvent[]) => {
  const drafts = events.map(({ stream, type = 4, data = {}, message }): Draft => {
    const text = (place: { pos: number; seq: number }) => JSON.stringify(message === "own" ? { id: place.pos } : data);
    return {
      stream,
      type,
      data: text,
      ...(message === undefined ? {} : { message: { id: message, keepData: message !== "own" } }),
    };
  });
  return (await append(tx, 1, drafts)).map(({ pos, seq }) => ({ pos, seq }));
});

export interface LogRig {
  readonly scratch: Scratch;
  readonly reader: LogReader;
  readonly tail: Tail;
  readonly announcer: Announcer;
  /** Parts of an outbox of a reader with these windows. */
  outboxParts(windowsOf: () => ReadWindow[]): OutboxParts;
  append(...events: TestEvent[]): Promise<{ pos: number; seq: number }[]>;
  /** What a message looks like now. */
  messages: Map<number, string>;
  close(): Promise<void>;
}

/** A log with its tail and announcer, on a real database. `announcing: false`: commits are not announced until `follow`. */
export async function openLog(
  options: { maxBytes?: number; announcing?: boolean; listener?: Listener } = {},
): Promise<LogRig> {
  const scratch = await openScratch();
  const reader = new LogReader(scratch.db);
  const tail = new Tail(reader, { position: await reader.end(), maxBytes: options.maxBytes ?? 1_000_000 });
  const messages = new Map<number, string>();
  const messageDataOf = async (ids: readonly number[]) =>
    new Map(ids.map((id) => [id, messages.get(id) ?? JSON.stringify({ id })] as const));
  const announcer = new Announcer({ reader, messageDataOf, position: tail.position }, (event) => {
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
      messageDataOf,
      reach: (position) => announcer.reach(position),
      windowsOf: async () => windowsOf(),
    }),
    append: (...events) => scratch.writes.run(appendForTest, events),
    close: () => scratch.close(),
  };
}

/** A window on a whole stream. */
export function whole(stream: string): ReadWindow {
  return { stream, fromSeq: 1, leftSeq: null, joinedSeq: 0, joinedPos: 0 };
}
