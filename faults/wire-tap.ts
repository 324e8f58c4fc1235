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
  /** Each server keeps readers of its own. */
  readonly #nodes = new Map<number, PollsOfNode>();

  /** The client has switched to another transport, or a reply was lost. */
  broke(): void {
    this.caughtUp = false;
  }

  get isOfOneNode(): boolean {
    return this.#nodes.size < 2;
  }

  of(node: number): PollsOfNode {
    const polls = this.#nodes.get(node) ?? new PollsOfNode();
    this.#nodes.set(node, polls);
    return polls;
  }
}

/** The polls that one server got. */
class PollsOfNode {
  #newest: { readonly askedAt: number; readonly cursor: string; repliedAt?: number; next?: string } | undefined;
  #lostAt = Number.NEGATIVE_INFINITY;

  /**
   * @param isAlone there is no other server that could have brought the client to this cursor
   * @returns what the server may have kept of the poll before
   */
  asks(cursor: string, askedAt: number, isAlone = true): KeptPoll | undefined {
    const before = this.#newest;
    this.#newest = { cursor, askedAt };
    if (!before) return undefined;
    if (before.next === undefined) this.#lostAt = askedAt;
    // A reply that was lost may have ended where that of another server did, and its reader is kept there.
    if (!isAlone && before.askedAt - this.#lostAt <= LOST_MS) return { since: before.askedAt, isSure: false };
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
      start?: AskedStart | undefined;
    }
  | { readonly kind: "poll"; readonly askedAt: number; body: string; start?: AskedStart | undefined }
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
  #node = 0;
  #hasBegun = false;
  #endSpan = () => {};
  #endAsk = () => {};
  /** Since when something may have been held back that answers what was asked. */
  #heldSince: number | undefined;
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

  /** What was asked so far has been answered, so that the next request may go to another server. */
  get isBetweenRequests(): boolean {
    return this.#hasBegun && this.#asked.length === 0 && this.#requests.isBetween && this.#responses.isBetween;
  }

  /** The server that gets the requests, also those that have no answer yet. */
  leads(node: number): void {
    this.#node = node;
    if (this.#asked.length > 0) {
      this.#endAsk();
      this.#endAsk = this.#record.spans.asks(node);
    }
    for (const asked of this.#asked) {
      if (asked.kind === "other" || !asked.start) continue;
      asked.start = {
        ...asked.start,
        node,
        kept: asked.kind === "poll" ? this.#isMoved(asked.start, node) : undefined,
      };
    }
  }

  /** The server that gets the poll after all keeps its reader, as of every poll; whatever it has kept of earlier ones is not known. */
  #isMoved({ cursor, askedAt }: AskedStart, node: number): KeptPoll {
    this.#polls.of(node).asks(cursor, askedAt, false);
    return { since: askedAt, isSure: false };
  }

  /** Nothing passes for a while: the server may take the client for gone, or have answered a poll long before the client gets that. */
  paused(): void {
    this.#endSpan();
    this.#heldSince ??= monotonicMs();
  }

  resumed(): void {
    this.#endSpan();
    if (this.#asked.length === 0) this.#heldSince = undefined;
    if (this.#stream) this.#endSpan = this.#record.spans.begin(this.#stream.connection.node);
  }

  sent(bytes: Buffer): void {
    this.#requests.read(bytes);
  }

  received(bytes: Buffer): void {
    this.#responses.read(bytes);
  }

  ended(): void {
    this.#endSpan();
    this.#endAsk();
    if (this.carries === "poll") this.#polls.broke();
  }

  #asks({ target, headers }: RequestHead): void {
    const { pathname, searchParams } = new URL(target, "http://x");
    const askedAt = monotonicMs();
    const node = this.#node;
    this.#hasBegun = true;
    if (headers.has("upgrade") || pathname.startsWith("/api/v1/events")) this.#endAsk = this.#record.spans.asks(node);
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
      this.#asked.push({
        ...asked,
        ...(cursor !== null && { start: { cursor, max, askedAt, node, kept: undefined } }),
      });
    } else if (pathname === "/api/v1/events") this.#asked.push({ kind: "poll", askedAt, body: "" });
    else this.#asked.push({ kind: "other" });
  }

  /** A whole request has been passed on. */
  #hasAsked(): void {
    const asked = this.#asked.at(-1);
    if (asked?.kind !== "poll") return;
    const { cursor, max = 0 } = JSON.parse(asked.body || "{}") as PollAsk;
    if (cursor === undefined) return;
    const node = this.#node;
    const kept = this.#polls.of(node).asks(cursor, asked.askedAt, this.#polls.isOfOneNode);
    asked.start = { cursor, max, askedAt: asked.askedAt, node, kept };
  }

  /** A client's frame on its WebSocket, which may come before the answer to the handshake is passed back. */
  #commanded(part: Buffer, asked: Asked & { kind: "stream" }): void {
    this.#commands.read(part, ({ kind, payload }) => {
      if (kind !== "text") return;
      const { type, data } = JSON.parse(payload) as { type: number; data?: { cursor: string; max?: number } };
      if (type !== COMMAND_RESUME || !data) return;
      const { cursor, max = 0 } = data;
      asked.start = { cursor, max, askedAt: monotonicMs(), node: this.#node, kept: undefined };
      if (this.#stream) begins(this.#stream.connection, asked.start);
    });
  }

  #answers({ status }: ResponseHead): void {
    const asked = this.#asked[0];
    this.#replyOf = asked;
    this.#status = status;
    if (asked?.kind !== "stream" || (status !== 101 && status !== 200)) return;
    this.#polls.broke();
    const { transport, resumes, askedAt } = asked;
    const connection = this.#record.open(transport, { resumes, askedAt, node: this.#node });
    this.#endSpan = this.#record.spans.begin(this.#node);
    if (asked.start) begins(connection, asked.start);
    if (asked.transport === "websocket") {
      const reader = new WebSocketReader("server");
      const read = (bytes: Buffer) =>
        reader.read(bytes, ({ kind, payload }) => {
          if (kind === "text") this.#record.frame(connection, payload);
          else if (kind === "close") this.#closed(closeCode(payload));
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

  #closed(code: number): void {
    this.#endSpan();
    this.#record.closed(code);
  }

  #answered(): void {
    this.#endSpan();
    this.#endAsk();
    const asked = this.#replyOf;
    const parts = this.#reply;
    const heldSince = this.#heldSince ?? monotonicMs();
    this.#asked.shift();
    this.#reply = [];
    this.#stream = undefined;
    this.#heldSince = undefined;
    if (asked?.kind !== "poll") return;
    if (this.#status !== 200) return this.#polls.broke();
    this.#polled({ ...asked, heldSince }, JSON.parse(Buffer.concat(parts).toString("latin1")) as PollReply);
  }

  /** A client's first poll is answered at once, as every short one is; only a later poll tells the two apart. */
  #polled(
    { askedAt, body, start, heldSince }: Asked & { kind: "poll"; heldSince: number },
    { events, cursor, more }: PollReply,
  ): void {
    const polls = this.#polls;
    // It asks for the current position, and brings nothing.
    if (!start) return;
    polls.of(this.#node).replied(askedAt, cursor);
    this.#record.spans.polled(this.#node, askedAt, Math.max(askedAt, heldSince));
    const { wait = 0 } = JSON.parse(body) as PollAsk;
    if (polls.caughtUp) polls.transport = wait > 0 ? "long-poll" : "short-poll";
    const { transport } = polls;
    this.#record.polled(transport);
    const reply = new WireConnection({ transport, askedAt, live: polls.caughtUp, node: this.#node });
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
