import { type Cursor, CursorMalformed, parseCursor } from "@parley/protocol";
import type { ServerKey } from "../http/server-key.ts";
import { ProblemError } from "../lib/problem.ts";
import type { HeavyWork } from "../limits/heavy-work.ts";
import { turnOf } from "../limits/turn-of-key.ts";
import type { Feed, FeedPage } from "./feed.ts";

export interface FeedContext {
  readonly feed: Feed;
  readonly heavyWork: HeavyWork;
}

export interface FeedRequest {
  /** Undefined: the answer is the cursor of this moment. */
  readonly cursor: string | undefined;
  readonly limit: number;
  /** How long to wait while there is nothing; 0: not at all. */
  readonly waitMs: number;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Called after a wait. @throws ProblemError `unauthorized` for a key that has ended */
  readonly checkKey: () => Promise<void>;
}

/**
 * A page of what has happened since a cursor, at once or as soon as there is something. Where nothing does, the next cursor.
 * @throws ProblemError `cursor_malformed`, `unauthorized`; `rate_limited` and `overloaded` where much is read at once
 */
export async function readFeed({ feed, heavyWork }: FeedContext, key: ServerKey, ask: FeedRequest): Promise<FeedPage> {
  if (ask.cursor === undefined) return feed.now();
  const by = turnOf(key);
  const start = await feed.placeOf(parsed(ask.cursor));
  if (typeof start !== "number") return start;
  // Where nothing is new, nothing is read, and no turn is taken.
  const next = (place: number) =>
    feed.isBehind(place) ? heavyWork.read(by, () => feed.read(place, ask.limit)) : Promise.resolve(feed.pageAt(place));
  const page = await next(start);
  if (page.frames.length > 0 || page.more || ask.waitMs === 0) return page;
  await feed.wait(by, page.at, { ms: ask.waitMs, signal: ask.signal });
  await ask.checkKey();
  return next(page.at);
}

function parsed(text: string): Cursor {
  try {
    return parseCursor(text);
  } catch (error) {
    if (!(error instanceof CursorMalformed)) throw error;
    throw new ProblemError("cursor_malformed", `The cursor is malformed: ${error.message}`);
  }
}
