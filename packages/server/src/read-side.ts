import type { Config } from "./config/config.ts";
import { epochOf } from "./db/epoch.ts";
import type { ReadDatabase } from "./db/open.ts";
import { Announcer, type EventDataOf, type Listener } from "./event-log/announce.ts";
import { LogReader } from "./event-log/log-reader.ts";
import type { OutboxParts } from "./event-log/outbox.ts";
import { Tail } from "./event-log/tail.ts";
import { eventDataOf as dataOf } from "./event-texts.ts";
import type { Clock } from "./lib/clock.ts";
import type { Logger } from "./ops/logger.ts";
import { ReaderStarts } from "./reader-starts.ts";

/** What a process reads and hands on of the log, whichever process writes it. */
export interface ReadSide {
  readonly db: ReadDatabase;
  readonly epoch: string;
  readonly tail: Tail;
  readonly announcer: Announcer;
  readonly starts: ReaderStarts;
  /** What each reader's outbox is made of. */
  readonly outbox: OutboxParts;
  /** Adds a listener of events that are announced from now on; after the tail, in the order of adding. */
  listen(listener: Listener): void;
  /** Sets what says whether anybody reads a stream here: texts of others are not built, where the log has to be read for what other nodes wrote. */
  onlyFor(isRead: (stream: string) => boolean): void;
}

interface ReadSideParts {
  readonly config: Pick<Config, "hall" | "tailBytes">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** See `Announcer`. */
  readonly othersTell?: () => boolean;
  readonly mayHandOn?: () => boolean | Promise<boolean>;
}

/** Begins at the log's present end. */
export async function openReadSide(
  db: ReadDatabase,
  { config, clock, logger, ...ofOthers }: ReadSideParts,
): Promise<ReadSide> {
  const reader = new LogReader(db);
  const epoch = await epochOf(db);
  const position = await reader.end();
  const tail = new Tail(reader, { position, maxBytes: config.tailBytes });
  const eventDataOf: EventDataOf = (events) => dataOf({ db, clock }, events);
  const listeners: Listener[] = [(event) => tail.append(event)];
  const skipped = (upTo: number) => tail.skipTo(upTo);
  let isReadHere = (_stream: string) => true;
  const isRead = (stream: string) => isReadHere(stream);
  const parts = { reader, eventDataOf, position, skipped, isRead, ...ofOthers };
  const announcer = new Announcer(parts, (event) => {
    for (const listener of listeners) isolated(listener, event, logger);
  });
  const starts = new ReaderStarts({ db, epoch, clock, hall: config.hall });
  const outbox: OutboxParts = {
    tail,
    epoch,
    eventDataOf,
    whenAnnounced: (position) => announcer.whenAnnounced(position),
    assertHolds: () => announcer.assertHolds(),
    readWindows: (reader) => starts.windowsOf(reader),
  };
  const onlyFor = (is: (stream: string) => boolean) => {
    isReadHere = is;
  };
  const listen = (listener: Listener) => void listeners.push(listener);
  return { db, epoch, tail, announcer, starts, outbox, listen, onlyFor };
}

/** One listener's fault must not keep the event from the others. */
function isolated(listener: Listener, event: Parameters<Listener>[0], logger: Logger): void {
  try {
    listener(event);
  } catch (error) {
    logger.error({ err: error, pos: event.pos, type: event.type }, "a listener of the log failed");
  }
}
