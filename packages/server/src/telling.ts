import type { Context } from "./context.ts";
import { LogReader } from "./event-log/log-reader.ts";
import type { Clock } from "./lib/clock.ts";
import type { Logger } from "./ops/logger.ts";
import type { Metrics } from "./ops/metrics.ts";
import { Feed } from "./server-api/feed.ts";
import type { Storage } from "./storage.ts";
import { Webhooks } from "./webhooks/webhooks.ts";

/** What tells the product's own backend: the feed, which it reads, and webhooks, which are sent to it. */
export interface Telling {
  readonly reader: LogReader;
  readonly feed: Feed;
  readonly webhooks: Webhooks;
}

/** Webhooks are begun by the one process that sends them. */
export function createTelling(
  storage: Storage,
  { presence }: Pick<Context, "presence">,
  of: { clock: Clock; logger: Logger; metrics: Metrics },
): Telling {
  const { db, announcer, writes } = storage;
  const reader = new LogReader(db);
  const feed = new Feed({ ...storage.outbox, db, reader });
  storage.listen((event) => feed.onEvent(event));
  const told = { ...storage.outbox, db, reader, announcer, writes, presence };
  return { reader, feed, webhooks: new Webhooks({ ...told, ...of }) };
}
