import type { Http } from "../../api/http.ts";
import { ParleyError } from "../../api/parley-error.ts";
import { clock } from "../../lib/surroundings.ts";
import { pause } from "../../lib/timers.ts";
import type { Timing } from "../../lib/timing.ts";
import type { PushFrame } from "../../reading/push-frame.ts";
import { endOf } from "./sse.ts";
import type { Opened, Start, Transport, TransportEnd, TransportEvents } from "./transport.ts";

/** What the client wants a reply to take that brings what is behind. */
const REPLY_MS = 2_000;

/**
 * How many events the next reply is to have, by how long the last one took. On a slow line they are few: events come while the rest is
 * still on its way, and a reply that breaks off costs little.
 */
export class Portion {
  limit = 10;

  took(ms: number): void {
    const factor = Math.min(4, Math.max(1 / 4, REPLY_MS / Math.max(1, ms)));
    this.limit = Math.min(500, Math.max(5, Math.round(this.limit * factor)));
  }
}

export interface PollReply {
  readonly events: PushFrame[];
  readonly cursor: string;
  readonly more: boolean;
}

/**
 * Asks once what came since a cursor; by POST, since an address has no room for a long one.
 * @throws ParleyError, also for a success that is not this server's, as portals of networks give
 */
export async function poll(
  http: Http,
  ask: {
    readonly token: string;
    readonly cursor: string | undefined;
    readonly max?: number | undefined;
    readonly wait: number;
    readonly signal?: AbortSignal;
    readonly answerMs: number;
    readonly portion: Portion;
  },
): Promise<PollReply> {
  const { token, signal, answerMs, portion, ...asked } = ask;
  const withinMs = ask.wait * 1000 + answerMs;
  const askedAt = clock();
  const body = { ...asked, limit: portion.limit };
  const reply = await http.call("POST", "/events", { token, signal, body, withinMs });
  if (!isReply(reply)) throw new ParleyError(0);
  // One that is not full says nothing of the line, and neither does one that has waited for its events.
  if (reply.more && ask.wait === 0) portion.took(clock() - askedAt);
  return reply;
}

function isReply(reply: unknown): reply is PollReply {
  const { events, cursor, more } = (reply ?? {}) as Record<string, unknown>;
  return Array.isArray(events) && typeof cursor === "string" && typeof more === "boolean";
}

/** Polls that hang until something comes. */
export function longPollTransport(http: Http, { longPollSeconds, answerMs }: Timing): Transport {
  return {
    name: "long-poll",
    open: (start, on) => run({ http, start, on, wait: longPollSeconds, pauseMs: 0, answerMs }),
  };
}

/** Polls that are answered at once, a moment apart: what works where nothing else does. */
export function shortPollTransport(http: Http, { shortPollMs, answerMs }: Timing): Transport {
  return { name: "short-poll", open: (start, on) => run({ http, start, on, wait: 0, pauseMs: shortPollMs, answerMs }) };
}

/** Polls until nothing is behind, and ends: the last reply brings a short cursor in place of a long one. */
export function shortenCursorTransport(http: Http, { answerMs }: Timing): Transport {
  return {
    name: "short-poll",
    open: (start, on) => run({ http, start, on, wait: 0, pauseMs: 0, answerMs, once: true }),
  };
}

interface Work {
  readonly http: Http;
  readonly start: Start;
  readonly on: TransportEvents;
  readonly wait: number;
  readonly pauseMs: number;
  readonly answerMs: number;
  readonly once?: boolean;
}

function run(work: Work): Opened {
  again(work).catch(() => {
    // Such as a malformed cursor.
    if (!work.start.signal.aborted) work.on.ended({ kind: "failed" });
  });
  return {};
}

/** As when a proxy does not wait for long. */
function isLost(end: TransportEnd): boolean {
  return end.kind === "failed" || (end.kind === "refused" && end.status >= 500 && end.status !== 503);
}

async function again({ http, start, on, wait, pauseMs, answerMs, once }: Work): Promise<void> {
  const { token, max, signal } = start;
  const portion = new Portion();
  let { cursor } = start;
  let opened = false;
  /** Polls in a row that hung and were lost, while those that do not hang are answered. */
  let lost = 0;
  // The first poll does not hang, so that the client knows at once where it stands.
  for (let seconds = 0; !signal.aborted; ) {
    let reply: PollReply;
    try {
      reply = await poll(http, { token, cursor, max, wait: seconds, signal, answerMs, portion });
    } catch (error) {
      if (signal.aborted) return;
      const end = endOf(error);
      if (seconds === 0 || !isLost(end)) return on.ended(end);
      lost += 1;
      if (lost > 1) return on.ended({ kind: "unsuited" });
      seconds = 0;
      continue;
    }
    if (signal.aborted) return;
    if (seconds > 0) lost = 0;
    if (!opened) {
      on.opened();
      // A long backfill has many replies; the first one shows that they come.
      on.ready();
    }
    opened = true;
    if (signal.aborted) return;
    cursor = reply.cursor;
    on.receive(reply.events, cursor);
    if (signal.aborted) return;
    if (reply.more) {
      seconds = 0;
      continue;
    }
    if (once) return on.ended({ kind: "done" });
    on.live();
    seconds = wait;
    if (pauseMs > 0) await pause(pauseMs, signal);
  }
}
