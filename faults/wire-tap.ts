import { steadyMs } from "./steady-clock.ts";
import { type RequestHead, type ResponseHead, requestReader, responseReader } from "./wire-http.ts";
import type { TransportName } from "./wire-log.ts";
import { WireConnection, type WireRecord } from "./wire-record.ts";
import { SseReader } from "./wire-sse.ts";
import { closeCode, WebSocketReader } from "./wire-websocket.ts";

/** Where one client's polls stand: they are many requests, and one reader. */
export class PollSession {
  /** The last reply said that nothing is behind: what comes now is new. */
  caughtUp = false;
  /** Learned from the second poll: the first one never hangs. */
  transport: "long-poll" | "short-poll" = "long-poll";

  /** The client has gone over to something else, or a reply was lost. */
  broke(): void {
    this.caughtUp = false;
  }
}

interface PollReply {
  readonly events: readonly unknown[];
  readonly more: boolean;
}

type Asked =
  | { readonly kind: "stream"; readonly transport: "websocket" | "sse"; readonly resumes: boolean }
  | { readonly kind: "poll"; readonly askedAt: number; body: string }
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
  #stream: { transport: TransportName; read: (bytes: Buffer) => void } | undefined;
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
        // After an upgrade these are a client's frames, which are nothing to us.
        if (asked?.kind === "poll") asked.body += part.toString("latin1");
      },
      end: () => {},
    });
    this.#responses = responseReader({
      head: (head) => this.#answers(head),
      body: (part) => (this.#stream ? this.#stream.read(part) : this.#reply.push(part)),
      end: () => this.#answered(),
    });
  }

  /** What events come by over this connection now; undefined: none. */
  get carries(): "websocket" | "sse" | "poll" | undefined {
    if (this.#stream) return this.#stream.transport as "websocket" | "sse";
    return this.#asked.some(({ kind }) => kind === "poll") ? "poll" : undefined;
  }

  /** Whether an event stream has begun: its bytes can be held back as a proxy does that buffers. */
  get isEventStream(): boolean {
    return this.#stream?.transport === "sse";
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
    const url = new URL(target, "http://x");
    if (headers.get("upgrade")?.toLowerCase() === "websocket") {
      this.#asked.push({ kind: "stream", transport: "websocket", resumes: url.searchParams.get("resume") === "1" });
    } else if (url.pathname === "/api/v1/events/stream") {
      this.#asked.push({ kind: "stream", transport: "sse", resumes: url.searchParams.has("cursor") });
    } else if (url.pathname === "/api/v1/events") this.#asked.push({ kind: "poll", askedAt: steadyMs(), body: "" });
    else this.#asked.push({ kind: "other" });
  }

  #answers({ status }: ResponseHead): void {
    const asked = this.#asked[0];
    this.#replyOf = asked;
    this.#status = status;
    if (asked?.kind !== "stream" || (status !== 101 && status !== 200)) return;
    this.#polls.broke();
    const { transport } = asked;
    const connection = this.#record.open(transport, asked);
    if (transport === "websocket") {
      const reader = new WebSocketReader();
      const read = (bytes: Buffer) =>
        reader.read(bytes, ({ kind, payload }) => {
          if (kind === "text") this.#record.frame(connection, payload);
          else if (kind === "close") this.#record.closed(closeCode(payload));
        });
      this.#stream = { transport, read };
    } else {
      const reader = new SseReader();
      const read = (bytes: Buffer) =>
        reader.read(bytes, ({ data }) => {
          if (data !== undefined) this.#record.frame(connection, data);
        });
      this.#stream = { transport, read };
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

  /** A client's first poll since it polls is answered at once, as every short one is; only a later one tells them apart. */
  #polled({ askedAt, body }: { askedAt: number; body: string }, { events, more }: PollReply): void {
    const polls = this.#polls;
    // It asks where now is, and brings nothing.
    if (!body.includes('"cursor":"')) return;
    const wait = Number(/"wait":(\d+)/.exec(body)?.[1] ?? 0);
    if (polls.caughtUp) polls.transport = wait > 0 ? "long-poll" : "short-poll";
    const { transport } = polls;
    this.#record.polled(transport);
    const reply = new WireConnection({ transport, askedAt, live: polls.caughtUp });
    for (const event of events) this.#record.frame(reply, JSON.stringify(event));
    this.#record.complete(reply);
    if (!more) polls.caughtUp = true;
  }
}
