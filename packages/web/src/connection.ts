import { Push, type PushData } from "@parley/protocol";
import { Command } from "@parley/protocol/command-type";
import { KeptCursor } from "./kept-cursor.ts";
import { stepAfter } from "./reconnect.ts";

/** Any frame of the server, told apart by its type. */
export type PushFrame = {
  [T in keyof PushData]: {
    readonly type: T;
    readonly data: PushData[T];
    readonly stream?: string;
    readonly seq?: number;
  };
}[keyof PushData];

/** `paused`: ended because this person has too many connections; goes on when he looks at this page again. */
export type ConnectionStatus = "connecting" | "live" | "waiting" | "paused";

/** Called in the order of what happens on the wire. */
export interface ConnectionEvents {
  onStatus(status: ConnectionStatus): void;
  /** An anonymous connection is open and takes LOGIN. */
  onAnonymous(): void;
  onFrame(frame: PushFrame): void;
  /** From here on every event comes; what was before has to be read over HTTP. */
  onFresh(): void;
  /** The login does not hold any more; nothing is tried again. */
  onEnded(why: "signed-out" | "banned"): void;
}

type Timer = ReturnType<typeof setTimeout>;

/** What the server asks for until READY says otherwise. */
const HEARTBEAT_MS = 10_000;
/** Browsers run the timers of hidden pages once a minute, so the server is asked for patience. */
const IDLE_SECONDS = 120;
const OPEN_WITHIN_MS = 15_000;

/**
 * The page's live connection: opens it with the token as a subprotocol, keeps it alive, and after a cut opens it again
 * where the page left off. One at a time; `stop` ends it for good.
 */
export class Connection {
  readonly #events: ConnectionEvents;
  readonly #cursor = new KeptCursor();
  #token: string | undefined;
  #socket: WebSocket | undefined;
  #resuming = false;
  #readyCursor = "";
  #attempts = 0;
  #drainMs: number | undefined;
  #beat: Timer | undefined;
  #beatAt = 0;
  #retry: Timer | undefined;
  /** Set while a return of the network or of the person is a reason to connect at once. */
  #eager = false;
  readonly #returned = new AbortController();

  constructor(events: ConnectionEvents, token?: string) {
    this.#events = events;
    this.#token = token;
    const { signal } = this.#returned;
    addEventListener("online", () => this.#back(), { signal });
    addEventListener("focus", () => this.#back(), { signal });
    document.addEventListener("visibilitychange", () => this.#back(), { signal });
    this.#connect();
  }

  /** Lost when the connection is not open: everything that matters goes over HTTP. */
  send(type: number, data?: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type, data }));
  }

  stop(): void {
    this.#returned.abort();
    clearTimeout(this.#retry);
    this.#drop();
  }

  #connect(): void {
    this.#eager = false;
    clearTimeout(this.#retry);
    this.#events.onStatus("connecting");
    this.#resuming = this.#token !== undefined && this.#cursor.text !== undefined;
    const url = `${location.origin.replace(/^http/, "ws")}/ws?idle=${IDLE_SECONDS}${this.#resuming ? "&resume=1" : ""}`;
    const socket = this.#token === undefined ? new WebSocket(url) : new WebSocket(url, ["parley", this.#token]);
    this.#socket = socket;
    const late = setTimeout(() => this.#ended(socket, { code: 1006, reason: "" }), OPEN_WITHIN_MS);
    socket.onopen = () => {
      clearTimeout(late);
      this.#heartbeat(HEARTBEAT_MS);
      if (this.#token === undefined) this.#events.onAnonymous();
    };
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data as string) as PushFrame);
    socket.onclose = ({ code, reason }) => {
      clearTimeout(late);
      this.#ended(socket, { code, reason });
    };
  }

  #receive(frame: PushFrame): void {
    if (frame.stream !== undefined && frame.seq !== undefined && !this.#cursor.saw(frame.stream, frame.seq)) return;
    switch (frame.type) {
      case Push.LOGIN_SUCCESS:
        this.#token = frame.data.token;
        break;
      case Push.READY:
        this.#ready(frame.data);
        break;
      case Push.CURSOR:
        this.#cursor.take(frame.data.cursor);
        if (frame.data.live) this.#live();
        break;
      case Push.RESYNC:
        this.#resync(frame.data);
        break;
      case Push.DRAIN:
        this.#drainMs = frame.data.retryAfterMs;
        break;
      case Push.ERROR:
        // The cursor was refused: the connection is live from READY's.
        if (frame.data.requestType === Command.RESUME) this.#fresh();
        break;
      case Push.INVALIDATE_TOKEN:
        return this.#over("signed-out");
    }
    this.#events.onFrame(frame);
  }

  #ready({ heartbeatMs, cursor }: PushData[101]): void {
    this.#heartbeat(heartbeatMs);
    const known = this.#cursor.text;
    // READY of an anonymous connection is about a public hall, which this page does not show.
    if (this.#token === undefined) return;
    this.#readyCursor = cursor;
    if (this.#resuming && known !== undefined) this.send(Command.RESUME, { cursor: known });
    else this.#fresh();
  }

  #fresh(): void {
    this.#cursor.take(this.#readyCursor);
    this.#live();
    this.#events.onFresh();
  }

  #live(): void {
    this.#attempts = 0;
    this.#events.onStatus("live");
  }

  #resync({ stream, seq, cursor }: PushData[108]): void {
    if (cursor !== undefined) this.#cursor.take(cursor);
    if (seq !== undefined) this.#cursor.goOnAfter(stream, seq);
    this.#events.onFresh();
  }

  #heartbeat(ms: number): void {
    clearInterval(this.#beat);
    this.#beatAt = Date.now();
    this.#beat = setInterval(() => {
      this.#beatAt = Date.now();
      this.send(Command.HEARTBEAT);
    }, ms);
  }

  #ended(socket: WebSocket, { code, reason }: { code: number; reason: string }): void {
    if (socket !== this.#socket) return;
    this.#drop();
    const next = stepAfter({
      code,
      reason,
      attempts: this.#attempts,
      drainMs: this.#drainMs,
      random: Math.random(),
    });
    this.#attempts += 1;
    this.#drainMs = undefined;
    if (next.kind === "stop") return this.#over(next.why);
    this.#events.onStatus(next.kind === "focus" ? "paused" : "waiting");
    this.#eager = next.kind === "focus" || !next.told;
    if (next.kind === "connect") this.#retry = setTimeout(() => this.#connect(), next.afterMs);
  }

  /** The network or the person is back. */
  #back(): void {
    if (document.visibilityState !== "visible") return;
    if (!this.#socket && this.#eager) return this.#connect();
    // The machine slept for longer than the server waits: it has ended this connection, though no close arrived.
    const slept = Date.now() - this.#beatAt > IDLE_SECONDS * 1000;
    if (this.#socket?.readyState === WebSocket.OPEN && slept) {
      this.#drop();
      this.#connect();
    }
  }

  #over(why: "signed-out" | "banned"): void {
    this.stop();
    this.#events.onEnded(why);
  }

  #drop(): void {
    clearInterval(this.#beat);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }
}
