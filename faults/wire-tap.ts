import { monotonicMs } from "./monotonic-clock.ts";
import { type RequestHead, type ResponseHead, requestReader, responseReader } from "./wire-http.ts";
import type { KeptPoll } from "./wire-log.ts";
import { type AskedStart, WireConnection, type WireRecord } from "./wire-record.ts";
import { SseReader } from "./wire-sse.ts";
import { closeCode, WebSocketReader } from "./wire-websocket.ts";

const COMMAND_RESUME = 101;
/** For this long after a reply was lost, the server may still be busy with that poll, and then keep its reader instead of a later poll's. */
const LOST_MS = 1_000;
/** Within this time the server drops no reader that is unused; it keeps them for twice as long. */
const KEPT_MS = 60_000;

/** Where one client's polls have got to: they are many requests, but one reader. */
export class PollSession {
  /** The last reply said that nothing is behind: what comes now is new. */
  caughtUp = false;
  /** Learned from the second poll, because the first one never hangs. */
  transport: "long-poll" | "short-poll" = "long-poll";
  #newest: { readonly askedAt: number; readonly cursor: string; repliedAt?: number; next?: string } | undefined;
  #lostAt = Number.NEGATIVE_INFINITY;

  /** The client has switched to another transport, or a reply was lost. */
  broke(): void {
    this.caughtUp = false;
  }

  /** @returns what the server may have kept of the poll before */
  asks(cursor: string, askedAt: number): KeptPoll | undefined {
    const before = this.#newest;
    this.#newest = { cursor, askedAt };
    if (!before) return undefined;
    if (before.next === undefined) this.#lostAt = askedAt;
    // A poll that was given up while it hung leaves its reader where its own cursor is.
    if (cursor !== before.next && cursor !== before.cursor) return undefined;
    const isQuiet = askedAt - this.#lostAt > LOST_MS && askedAt - (before.repliedAt ?? 0) < KEPT_MS;
    return { since: before.askedAt, isSure: cursor === before.next && isQuiet };
  }

  replied(askedAt: number, cursor: string): void {
    if (this.#newest?.askedAt !== askedAt) return;
    this.#newest.next = cursor;
    this.#newest.repliedAt = monotonicMs();
  }
}

interface PollReply {
  readonly events: readonly unknown[];
  readonly cursor: string;
  readonly more: boolean;
}

interface PollAsk {
  readonly cursor?: string;
  readonly max?: number;
  readonly wait?: number;
}

type Asked =
  | {
      readonly kind: "stream";
      readonly transport: "websocket" | "sse";
      readonly resumes: boolean;
      readonly askedAt: number;
      start?: AskedStart;
    }
  | { readonly kind: "poll"; readonly askedAt: number; body: string; start?: AskedStart }
  | { readonly kind: "other" };

/**
 * Reads one TCP connection between a client and the server, both directions, without touching it. It is given exactly the
 * bytes that were forwarded, so what it has read is what the client can have got.
 */
export class WireTap {
  readonly #record: WireRecord;
  readonly #polls: PollSession;
  readonly #asked: Asked[] = [];
  readonly #requests;
  readonly #responses;
  readonly #commands = new WebSocketReader("client");
  #stream: { connection: WireConnection; read: (bytes: Buffer) => void } | undefined;
  #reply: Buffer[] = [];
  #replyOf: Asked | undefined;
  #status = 0;

  constructor(record: WireRecord, polls: PollSession) {
    this.#record = record;
    this.#polls = polls;
    this.#requests = requestReader({
      head: (head) => this.#asks(head),
      body: (part) => {
        const asked = this.#asked.at(-1);
        if (asked?.kind === "poll") asked.body += part.toString("latin1");
        else if (asked?.kind === "stream") this.#commanded(part, asked);
      },
      end: () => this.#hasAsked(),
    });
    this.#responses = responseReader({
      head: (head) => this.#answers(head),
      body: (part) => (this.#stream ? this.#stream.read(part) : this.#reply.push(part)),
      end: () => this.#answered(),
    });
  }

  /** How events come over this connection now; undefined if none do. */
  get carries(): "websocket" | "sse" | "poll" | undefined {
    if (this.#stream) return this.#stream.connection.transport as "websocket" | "sse";
    return this.#asked.some(({ kind }) => kind === "poll") ? "poll" : undefined;
  }

  /** Whether an event stream has begun: its bytes can be held back as a proxy does that buffers. */
  get isEventStream(): boolean {
    return this.#stream?.connection.transport === "sse";
  }

  sent(bytes: Buffer): void {
    this.#requests.read(bytes);
  }

  received(bytes: Buffer): void {
    this.#responses.read(bytes);
  }

  ended(): void {
    if (this.carries === "poll") this.#polls.broke();
  }

  #asks({ target, headers }: RequestHead): void {
    const { pathname, searchParams } = new URL(target, "http://x");
    const askedAt = monotonicMs();
    if (headers.get("upgrade")?.toLowerCase() === "websocket") {
      this.#asked.push({
        kind: "stream",
        transport: "websocket",
        resumes: searchParams.get("resume") === "1",
        askedAt,
      });
    } else if (pathname === "/api/v1/events/stream") {
      const cursor = headers.get("last-event-id") ?? searchParams.get("cursor");
      const max = Number(searchParams.get("max"));
      const asked = { kind: "stream", transport: "sse", resumes: cursor !== null, askedAt } as const;
      this.#asked.push({ ...asked, ...(cursor !== null && { start: { cursor, max, askedAt, kept: undefined } }) });
    } else if (pathname === "/api/v1/events") this.#asked.push({ kind: "poll", askedAt, body: "" });
    else this.#asked.push({ kind: "other" });
  }

  /** A whole request has been passed on. */
  #hasAsked(): void {
    const asked = this.#asked.at(-1);
    if (asked?.kind !== "poll") return;
    const { cursor, max = 0 } = JSON.parse(asked.body || "{}") as PollAsk;
    if (cursor === undefined) return;
    const kept = this.#polls.asks(cursor, asked.askedAt);
    asked.start = { cursor, max, askedAt: asked.askedAt, kept };
  }

  /** A client's frame on its WebSocket, which may come before the answer to the handshake is passed back. */
  #commanded(part: Buffer, asked: Asked & { kind: "stream" }): void {
    this.#commands.read(part, ({ kind, payload }) => {
      if (kind !== "text") return;
      const { type, data } = JSON.parse(payload) as { type: number; data?: { cursor: string; max?: number } };
      if (type !== COMMAND_RESUME || !data) return;
      asked.start = { cursor: data.cursor, max: data.max ?? 0, askedAt: monotonicMs(), kept: undefined };
      if (this.#stream) begins(this.#stream.connection, asked.start);
    });
  }

  #answers({ status }: ResponseHead): void {
    const asked = this.#asked[0];
    this.#replyOf = asked;
    this.#status = status;
    if (asked?.kind !== "stream" || (status !== 101 && status !== 200)) return;
    this.#polls.broke();
    const connection = this.#record.open(asked.transport, asked);
    if (asked.start) begins(connection, asked.start);
    if (asked.transport === "websocket") {
      const reader = new WebSocketReader("server");
      const read = (bytes: Buffer) =>
        reader.read(bytes, ({ kind, payload }) => {
          if (kind === "text") this.#record.frame(connection, payload);
          else if (kind === "close") this.#record.closed(closeCode(payload));
        });
      this.#stream = { connection, read };
    } else {
      const reader = new SseReader();
      const read = (bytes: Buffer) =>
        reader.read(bytes, ({ data }) => {
          if (data !== undefined) this.#record.frame(connection, data);
        });
      this.#stream = { connection, read };
    }
  }

  #answered(): void {
    const asked = this.#replyOf;
    const parts = this.#reply;
    this.#asked.shift();
    this.#reply = [];
    this.#stream = undefined;
    if (asked?.kind !== "poll") return;
    if (this.#status === 200) this.#polled(asked, JSON.parse(Buffer.concat(parts).toString("latin1")) as PollReply);
    else this.#polls.broke();
  }

  /** A client's first poll is answered at once, as every short one is; only a later poll tells the two apart. */
  #polled({ askedAt, body, start }: Asked & { kind: "poll" }, { events, cursor, more }: PollReply): void {
    const polls = this.#polls;
    // It asks for the current position, and brings nothing.
    if (!start) return;
    polls.replied(askedAt, cursor);
    const { wait = 0 } = JSON.parse(body) as PollAsk;
    if (polls.caughtUp) polls.transport = wait > 0 ? "long-poll" : "short-poll";
    const { transport } = polls;
    this.#record.polled(transport);
    const reply = new WireConnection({ transport, askedAt, live: polls.caughtUp });
    begins(reply, start);
    for (const event of events) this.#record.frame(reply, JSON.stringify(event));
    this.#record.started(reply);
    if (!more) polls.caughtUp = true;
  }
}

function begins(connection: WireConnection, start: AskedStart): void {
  connection.asked = start;
  connection.askedAt = start.askedAt;
}
