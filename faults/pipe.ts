import type { Socket } from "bun";
import type { WireTap } from "./wire-tap.ts";

/** What a link does to its connections at the moment. */
export interface Conditions {
  /** Handshakes of WebSockets are answered with 403, as by a proxy that does not know them. */
  noUpgrades: boolean;
  /** The bytes of event streams are kept, as by a proxy that buffers. */
  holdsStreams: boolean;
  /** The client pauses after each chunk that it reads, for so many milliseconds; 0: it reads as fast as it can. */
  throttleMs: number;
}

/** What can go wrong with a connection, by what is done to it. */
export type LinkFaultKind =
  | "reset"
  | "end"
  | "mid-frame"
  | "half-open"
  | "stall"
  | "slow"
  | "throttle"
  | "refuse"
  | "strand"
  | "no-upgrade"
  | "buffer";

export interface PipeEvents {
  /** A fault has ended a connection that events came through. */
  cut(kind: LinkFaultKind): void;
  /** A request comes, and what was asked before it has been answered. */
  asksAgain(pipe: Pipe): void;
  ended(pipe: Pipe): void;
}

/** In shorter pauses nobody takes anybody for gone. */
const NOTICED_MS = 200;

interface Side {
  socket: Socket<Pipe> | undefined;
  /** Bytes that the peer has not yet accepted. */
  waiting: Buffer[];
}

/**
 * One TCP connection of a client, passed on to the server. Its tap sees what was handed to the kernel for the
 * client, but not the bytes that a fault swallows.
 */
export class Pipe {
  readonly tap: WireTap;
  readonly #conditions: Conditions;
  readonly #client: Side = { socket: undefined, waiting: [] };
  #server: Side = { socket: undefined, waiting: [] };
  readonly #on: PipeEvents;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #held: Buffer[] = [];
  #pauses = 0;
  /** The client has not accepted everything that came. */
  #isBehind = false;
  #cutAfter: number | undefined;
  #slowUntil = 0;
  #serverEnded = false;
  #over = false;

  constructor(parts: { client: Socket<Pipe>; tap: WireTap; conditions: Conditions; on: PipeEvents }) {
    this.tap = parts.tap;
    this.#conditions = parts.conditions;
    this.#on = parts.on;
    this.#client.socket = parts.client;
  }

  /** Whether events come this way, so that cutting it is a fault. */
  get carries() {
    return this.tap.carries;
  }

  connected(server: Socket<Pipe>): void {
    if (this.#over) return void server.terminate();
    this.#server.socket = server;
    if (this.#pauses > 0) server.pause();
    this.#flush(this.#server);
  }

  /** What comes from now on goes to another server, which is still to be connected. */
  leaveServer(): void {
    const { socket } = this.#server;
    this.#server = { socket: undefined, waiting: [] };
    socket?.end();
  }

  fromClient(bytes: Buffer): void {
    if (this.#over) return;
    if (this.#conditions.noUpgrades && /\r\nupgrade: websocket/i.test(bytes.toString("latin1", 0, 2000))) {
      this.#client.socket?.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      this.#client.socket?.end();
      return this.#finish();
    }
    if (this.tap.isBetweenRequests) this.#on.asksAgain(this);
    this.tap.sent(bytes);
    this.#server.waiting.push(Buffer.from(bytes));
    this.#flush(this.#server);
  }

  fromServer(server: Socket<Pipe>, bytes: Buffer): void {
    if (this.#over || server !== this.#server.socket) return;
    if (this.#conditions.holdsStreams && this.tap.isEventStream) {
      // Among it may be the end of the stream.
      this.tap.paused();
      this.#held.push(Buffer.from(bytes));
      return;
    }
    this.#forward(bytes);
    if (this.#conditions.throttleMs === 0 || this.#over) return;
    // A client that is so far behind does not see yet that the server has ended the connection.
    this.pause(this.#conditions.throttleMs, "server", { isNoticed: true });
  }

  /** A proxy that buffered releases what it held. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const bytes of held) this.#forward(bytes);
    if (held.length > 0 && this.#pauses === 0 && !this.#isBehind && !this.#over) this.tap.resumed();
  }

  /** The server has ended the connection; what it has written is passed on first. */
  serverEnded(server?: Socket<Pipe>): void {
    if (server && server !== this.#server.socket) return;
    if (!this.#serverEnded && performance.now() < this.#slowUntil && this.carries) this.#on.cut("slow");
    this.#serverEnded = true;
    this.release();
    if (this.#client.waiting.length > 0 || this.#over) return;
    this.#client.socket?.end();
    this.#finish();
  }

  clientEnded(): void {
    this.#server.socket?.end();
    this.#finish();
  }

  drained(side: "client" | "server"): void {
    this.#flush(side === "client" ? this.#client : this.#server);
    if (this.#serverEnded) this.serverEnded();
  }

  /** Nothing is read for a while: from the server (the client is slow), or from both (the way is blocked). */
  pause(ms: number, what: "server" | "both", { isNoticed = ms >= NOTICED_MS } = {}): void {
    this.#pauses += 1;
    this.#server.socket?.pause();
    if (what === "both") this.#client.socket?.pause();
    if (isNoticed) this.tap.paused();
    this.#later(ms, () => {
      this.#pauses -= 1;
      if (this.#pauses > 0) return;
      if (isNoticed) this.tap.resumed();
      this.#client.socket?.resume();
      if (this.#client.waiting.length === 0) this.#server.socket?.resume();
    });
  }

  /** A client that does not read. If enough is written meanwhile, the server ends the connection. */
  slow(ms: number): void {
    this.#slowUntil = performance.now() + ms + 1000;
    this.pause(ms, "server");
  }

  /** Silence both ways, and then an end that neither side hears of: a client that lost its network. */
  freeze(ms: number): void {
    this.pause(ms * 2, "both");
    this.#later(ms, () => this.cut("reset", "half-open"));
  }

  /** @param how `reset`: RST to both; `end`: FIN to both */
  cut(how: "reset" | "end", why?: LinkFaultKind): void {
    if (this.#over) return;
    if (why && this.carries) this.#on.cut(why);
    for (const { socket } of [this.#client, this.#server]) {
      if (how === "reset") socket?.terminate();
      else socket?.end();
    }
    this.#finish();
  }

  /** Resets the connection after this many more bytes from the server, wherever in a frame that is. */
  cutAfter(bytes: number): void {
    this.#cutAfter = bytes;
  }

  #forward(bytes: Buffer): void {
    if (this.#over) return;
    const allowed = this.#cutAfter;
    if (allowed !== undefined && bytes.length >= allowed) {
      this.#write(bytes.subarray(0, allowed));
      return this.cut("reset", "mid-frame");
    }
    if (allowed !== undefined) this.#cutAfter = allowed - bytes.length;
    this.#write(bytes);
  }

  #write(bytes: Buffer): void {
    this.#client.waiting.push(Buffer.from(bytes));
    this.#flush(this.#client);
    if (this.#client.waiting.length === 0) return;
    // Back-pressure reaches the server as it would without a proxy, and the client does not see what the server does meanwhile.
    this.#server.socket?.pause();
    this.tap.paused();
    this.#isBehind = true;
  }

  #flush(side: Side): void {
    const { socket, waiting } = side;
    if (!socket) return;
    while (waiting.length > 0) {
      const bytes = waiting[0] as Buffer;
      const taken = Math.max(0, socket.write(bytes));
      if (side === this.#client) this.tap.received(bytes.subarray(0, taken));
      if (taken < bytes.length) {
        waiting[0] = bytes.subarray(taken);
        return;
      }
      waiting.shift();
    }
    if (side !== this.#client || this.#pauses > 0) return;
    this.#server.socket?.resume();
    if (this.#isBehind) this.tap.resumed();
    this.#isBehind = false;
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#over) run();
    }, ms);
    this.#timers.add(timer);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.tap.ended();
    this.#on.ended(this);
  }
}
