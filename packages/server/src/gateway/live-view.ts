import type { Clock } from "../lib/clock.ts";
import type { LoginId } from "../lib/login-id.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";

/** What it needs from the transport of polls. */
interface HangingPollsView {
  readonly hanging: number;
  views(): Iterable<{
    readonly id: string;
    readonly serial: number;
    readonly transport: "poll";
    readonly uid: number | null;
    readonly loginId: LoginId | null;
    readonly ip: string;
    readonly userAgent: string;
    readonly state: string;
    readonly queuedBytes: number;
    /** Of `uptimeMs`. */
    readonly lastFrameMs: number;
    /** Epoch milliseconds. */
    readonly since: number;
  }>;
  answer(id: string): boolean;
}

interface LiveViewParts {
  readonly hub: Hub;
  readonly polls: HangingPollsView;
  readonly clock: Clock;
}

/** What is live on this node, for administrators: connections of both kinds, and waiting polls. */
export class LiveView {
  readonly #parts: LiveViewParts;

  constructor(parts: LiveViewParts) {
    this.#parts = parts;
  }

  *connections({ uid }: { readonly uid: number | undefined }) {
    const { hub, polls } = this.#parts;
    const streams: Connection[] = [];
    for (const connection of uid === undefined ? hub.all() : hub.ofUser(uid)) {
      if (connection.transport === "sse") streams.push(connection);
      else yield this.#viewOf(connection);
    }
    for (const connection of streams) yield this.#viewOf(connection);
    for (const poll of polls.views()) if (uid === undefined || poll.uid === uid) yield this.#dated(poll);
  }

  close(id: string, reason: string): boolean {
    const connection = this.#parts.hub.get(id);
    if (!connection) return this.#parts.polls.answer(id);
    connection.close(1000, reason);
    return true;
  }

  counts(): { websocket: number; sse: number; poll: number } {
    const { hub, polls } = this.#parts;
    let sse = 0;
    for (const connection of hub.all()) if (connection.transport === "sse") sse += 1;
    return { websocket: hub.size - sse, sse, poll: polls.hanging };
  }

  #viewOf(connection: Connection) {
    const { origin, login, transport, serial, state } = connection;
    return this.#dated({
      id: origin.id,
      serial,
      transport,
      uid: login?.uid ?? null,
      loginId: login?.loginId ?? null,
      ip: origin.ip,
      userAgent: origin.userAgent,
      state: state.kind,
      queuedBytes: connection.queuedBytes,
      lastFrameMs: connection.lastReceivedMs,
      since: origin.connectedAt,
    });
  }

  /** Durations are measured by the process's uptime, and shown by the clock. */
  #dated<V extends { readonly lastFrameMs: number }>({ lastFrameMs, ...view }: V) {
    return { ...view, lastFrameAt: Math.round(this.#parts.clock.now() - (uptimeMs() - lastFrameMs)) };
  }
}
