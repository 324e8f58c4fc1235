import { encodePush, Push } from "@parley/protocol";
import { every } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";

export interface DrainParts {
  readonly hub: Hub;
  /** The cursor of live connections. */
  readonly cursorNow: () => string;
  readonly presence: { lengthenGrace(ms: number): void };
  /** The longest time over which connections are closed. */
  readonly spreadMs: number;
  /** Whether other nodes serve, which can take the clients of this one. */
  readonly othersServe?: () => boolean;
  /** How fast connections are closed at the least, so that few of them take a moment; slower in tests. */
  readonly closesPerSecond?: number | undefined;
}

/** Half of what a starting server takes without a queue, since the next one starts while this one still serves. */
const CLOSES_PER_SECOND = 500;

/** How long it takes from the last close until another process answers, on a busy machine. */
const RESTART_MS = 3000;
/** How fast clients are to come back: a starting server takes that many without a queue. */
const RETURNS_PER_SECOND = 1000;
/** People whose connections the drain closed are reported offline this long after its end: by then they are back, here or elsewhere. */
const BACK_WITHIN_MS = 10_000;
const LOOK_MS = 20;

/**
 * The orderly goodbye before a stop. New work is refused from its beginning. DRAIN tells each connection when and from where
 * to come back; the connection is served until its own moment comes, and is then closed with 1012. The moments are spread
 * evenly, so that neither this node nor the next one has to deal with everybody at once, over a time in proportion to their number.
 */
export class Drain {
  readonly #parts: DrainParts;
  /** `uptimeMs` of the last close; undefined until the drain begins. */
  #endsMs: number | undefined;

  constructor(parts: DrainParts) {
    this.#parts = parts;
  }

  /** The refusal of new work, which says when another process will answer; undefined until the drain begins. */
  refusal(): ProblemError | undefined {
    if (this.#endsMs === undefined) return undefined;
    const leftMs = Math.max(0, this.#endsMs - uptimeMs());
    return new ProblemError("draining", undefined, { retryAfterMs: Math.ceil(leftMs + RESTART_MS) });
  }

  /**
   * Called once. Refuses new work from this moment on; resolves when the last connection is gone, at once if there is none.
   * After the spread at the latest every connection has been closed, though what was queued for it may still be on its way.
   */
  async run(): Promise<void> {
    const { hub, presence, spreadMs: longestMs, closesPerSecond = CLOSES_PER_SECOND } = this.#parts;
    const startMs = uptimeMs();
    const connections = [...hub.all()];
    const spreadMs = Math.min(longestMs, (connections.length * 1000) / closesPerSecond);
    this.#endsMs = startMs + spreadMs;
    presence.lengthenGrace(longestMs + BACK_WITHIN_MS);
    const othersServe = this.#parts.othersServe?.() ?? false;
    const leaving = connections.map((connection, index) => {
      const afterMs = (spreadMs * (index + 1)) / connections.length;
      const inTurnMs = (index * 1000) / RETURNS_PER_SECOND;
      // A browser's EventSource has one try only, so it waits until a balancer that does not look cannot lead it back here.
      const isAtOnce = othersServe && connection.transport === "websocket";
      this.#tell(connection, isAtOnce ? Math.max(0, inTurnMs - afterMs) : spreadMs - afterMs + RESTART_MS + inTurnMs);
      return { connection, atMs: startMs + afterMs };
    });
    await closeInTime(hub, leaving);
  }

  #tell(connection: Connection, ms: number): void {
    const retryAfterMs = Math.ceil(ms);
    const cursor = connection.cursor(this.#parts.cursorNow());
    connection.retryAfter(retryAfterMs);
    connection.sendAt(encodePush(Push.DRAIN, { retryAfterMs, cursor }), cursor);
  }
}

/** Closes each at its moment, all by one timer. */
function closeInTime(hub: Hub, leaving: readonly { connection: Connection; atMs: number }[]): Promise<void> {
  let next = 0;
  const isOver = () => {
    const now = uptimeMs();
    for (let due = leaving[next]; due && due.atMs <= now; due = leaving[next]) {
      // Counted first, so that one that cannot be closed does not hold up the others.
      next += 1;
      if (!due.connection.closed) due.connection.close(1012, "restart");
    }
    return next === leaving.length || hub.size === 0;
  };
  if (isOver()) return Promise.resolve();
  return new Promise((resolve) => {
    const stop = every(LOOK_MS, () => {
      if (!isOver()) return;
      stop();
      resolve();
    });
  });
}
