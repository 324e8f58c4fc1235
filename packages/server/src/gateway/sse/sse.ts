import { CLOSE_CODES } from "@parley/protocol";
import type { Clock } from "../../lib/clock.ts";
import { randomToken } from "../../lib/ids.ts";
import { every, type Stop } from "../../lib/interval.ts";
import { ProblemError } from "../../lib/problem.ts";
import type { Metrics } from "../../ops/metrics.ts";
import type { Admission } from "../admission.ts";
import { Connection } from "../connection.ts";
import type { ConnectionLifecycle, SignedInReader } from "../connection-lifecycle.ts";
import type { LocalTopics } from "../local-topics.ts";
import { parseClientCursor } from "../parse-cursor.ts";
import { SseWire } from "./sse-wire.ts";

/**
 * The transport of server-sent events: the same connection as a WebSocket's, in one direction.
 *
 * - Its wire is the body of an HTTP reply. An event's `id` is the cursor, so that a browser resumes by itself.
 * - The runtime's topics do not reach it; it subscribes to the node's own (`local-topics.ts`).
 * - Knows nothing of the other transports.
 */

export interface SseParts {
  readonly lifecycle: ConnectionLifecycle;
  readonly admission: Pick<Admission, "enterAnonymous">;
  /** Counts a start of this person. @throws ProblemError `rate_limited` */
  readonly takeStart: (uid: number) => void;
  readonly topics: LocalTopics;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** A refusal for all new connections, such as `draining`. */
  readonly refusal: () => ProblemError | undefined;
  /** Whether the process holds as many connections as it may, of whatever kind. */
  readonly isFull: () => boolean;
  /** What somebody at a banned address is told. */
  readonly addressRefusal: (ip: string) => ProblemError | undefined;
  readonly maxQueueBytes: number;
}

export interface SseRequest {
  /** Undefined: an anonymous reader of a public hall. */
  readonly reader: SignedInReader | undefined;
  /** Where to go on; undefined: from now. */
  readonly cursor: string | undefined;
  readonly max: number | undefined;
  readonly ip: string;
  readonly userAgent: string;
  /** The server has ended the stream: bounds the time in which the peer takes the rest. */
  readonly onServerEnd: () => void;
  readonly signal: AbortSignal;
}

/** Proxies cut streams that are quiet for a minute, some after half of one. */
const COMMENT_MS = 15_000;

export const SSE_HEADERS = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-store",
  // nginx would hold the stream back until its buffer is full.
  "X-Accel-Buffering": "no",
};

/** Opens event streams, and knows all open ones of this node. */
export class SseTransport {
  readonly #parts: SseParts;
  readonly #open = new Set<SseWire>();

  constructor(parts: SseParts) {
    this.#parts = parts;
  }

  /** Sends a comment to all streams now and then, by one timer, so that proxies do not cut quiet ones. */
  start(commentMs = COMMENT_MS): Stop {
    return every(commentMs, () => {
      for (const wire of this.#open) wire.comment();
    });
  }

  /** @throws ProblemError `cursor_malformed`, `overloaded`, `draining`, `banned`, `rate_limited` */
  open(ask: SseRequest): Response {
    const { lifecycle, admission, takeStart, topics, clock, metrics, isFull, maxQueueBytes } = this.#parts;
    const refused = this.#parts.refusal() ?? this.#parts.addressRefusal(ask.ip);
    if (refused) throw refused;
    const from = ask.cursor === undefined ? undefined : parseClientCursor(ask.cursor);
    if (isFull()) {
      throw new ProblemError("overloaded", "Too many connections on this server", { retryAfterMs: 5000 });
    }
    if (ask.reader) takeStart(ask.reader.login.uid);
    const leave = ask.reader ? undefined : admission.enterAnonymous(ask.ip);
    const connection = new Connection({
      id: randomToken(128),
      ip: ask.ip,
      userAgent: ask.userAgent.slice(0, 256),
      address: "",
      anonymous: ask.reader === undefined,
      resume: from !== undefined,
      // It cannot send anything; the end of its request says that the client has gone.
      idleMs: 0,
      connectedAt: clock.now(),
    });
    if (leave) connection.onClosed.push(leave);
    const live = metrics.connections.labels("sse");
    const wire = new SseWire({
      topics,
      maxQueueBytes,
      onServerEnd: ask.onServerEnd,
      onDrained: () => connection.onDrained(),
      onEnd: (code) => {
        this.#open.delete(wire);
        live.dec();
        metrics.closes.inc({ code: code in CLOSE_CODES ? String(code) : "other" });
        lifecycle.closed(connection);
      },
    });
    live.inc();
    this.#open.add(wire);
    connection.opened(wire);
    void lifecycle.openReader(connection, ask.reader, { from, max: ask.max });
    // The signal may have fired while the token was looked up, and does not fire twice.
    if (ask.signal.aborted) wire.terminate();
    else ask.signal.addEventListener("abort", () => wire.terminate(), { once: true });
    // What is left of the connection's time when the stream ends is too short for another request.
    return new Response(wire.body, { headers: { ...SSE_HEADERS, Connection: "close" } });
  }
}
