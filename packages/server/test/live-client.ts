import { Command, Push } from "@parley/protocol";
import { withDeadline } from "../src/lib/interval.ts";

/** A frame as it came. */
export interface SeenFrame {
  readonly type: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the server sent.
  readonly data?: any;
  readonly stream?: string;
  readonly seq?: number;
}

export interface LiveOptions {
  readonly token?: string;
  /** Path and query, `/ws` when absent. */
  readonly path?: string;
  /** How the token travels: `protocol` (default) or `query`. */
  readonly by?: "protocol" | "query";
  readonly headers?: Record<string, string>;
  /** Subprotocols, if they should not be made from the token. */
  readonly protocols?: readonly string[];
  /** Another address of the server, such as its second port. */
  readonly url?: string;
}

const DEADLINE_MS = 10_000;

/** A live connection that keeps what it received and waits for what is expected. It sends nothing by itself. */
export class LiveClient {
  readonly frames: SeenFrame[] = [];
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();
  #closed: { code: number; reason: string } | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", (event) => {
      this.frames.push(JSON.parse(String(event.data)));
      this.#wake();
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.#closed = { code, reason };
      this.#wake();
    });
  }

  /** Resolves when the handshake is done; rejects when it is refused. */
  static async open(
    url: string,
    { token, path = "/ws", by = "protocol", headers = {}, ...more }: LiveOptions,
  ): Promise<LiveClient> {
    const query = token !== undefined && by === "query" ? `${path.includes("?") ? "&" : "?"}token=${token}` : "";
    const protocols = more.protocols ?? (token !== undefined && by === "protocol" ? ["parley", token] : []);
    const address = `${url.replace(/^http/, "ws")}${path}${query}`;
    // These are Bun's options; a private authority signs the certificates of tests.
    const options = { headers, tls: { rejectUnauthorized: false }, ...(protocols.length > 0 ? { protocols } : {}) };
    const client = new LiveClient(new WebSocket(address, options as never));
    await client.until(() => client.#socket.readyState === WebSocket.OPEN || client.#closed, "the connection to open");
    if (client.#closed && client.frames.length === 0 && client.#closed.code === 1002)
      throw new Error("handshake refused");
    return client;
  }

  get closed(): { code: number; reason: string } | undefined {
    return this.#closed;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  send(frame: unknown): void {
    const raw = typeof frame === "string" || frame instanceof Uint8Array;
    this.#socket.send(raw ? (frame as string) : JSON.stringify(frame));
  }

  /** Sends a control frame: `ping` or an unasked `pong`. */
  control(kind: "ping" | "pong"): void {
    // Bun's client has both, unlike the browsers' interface.
    (this.#socket as unknown as Record<"ping" | "pong", () => void>)[kind]();
  }

  /** Asks for something harmless and waits for its ERROR: everything that the server sent or did before has then arrived. */
  async echo(): Promise<void> {
    await this.until(this.#ask(), "the echo");
  }

  /** Asks for the same and waits for the answer or the end: an end that lies behind, as by a kill, is known then. */
  async hasEnded(): Promise<boolean> {
    const isEchoed = this.#ask();
    await this.until(() => this.#closed !== undefined || isEchoed(), "the echo or the end");
    return this.#closed !== undefined;
  }

  close(): void {
    this.#socket.close();
  }

  /** Frames of a type so far. */
  of(type: number): SeenFrame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** Logged events of a stream so far. */
  stream(name: string): SeenFrame[] {
    return this.frames.filter((frame) => frame.stream === name);
  }

  /** The first frame of a type, waited for; with `match`, the first that matches. */
  async frame(
    type: number,
    match: (frame: SeenFrame) => boolean = () => true,
    deadlineMs = DEADLINE_MS,
  ): Promise<SeenFrame> {
    const find = () => this.frames.find((frame) => frame.type === type && match(frame));
    return (await this.until(find, `a frame of type ${type}`, deadlineMs)) as SeenFrame;
  }

  /** Code and reason with which the connection ended. */
  async ended(deadlineMs = DEADLINE_MS): Promise<{ code: number; reason: string }> {
    return (await this.until(() => this.#closed, "the connection to end", deadlineMs)) as {
      code: number;
      reason: string;
    };
  }

  /** Waits for something to become true; it is checked whenever a frame or the end comes. */
  async until<T>(look: () => T | undefined | false, what: string, deadlineMs = DEADLINE_MS): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const wake = () => {
      const found = look();
      if (found) resolve(found);
    };
    this.#waiting.add(wake);
    this.#socket.addEventListener("open", wake);
    wake();
    try {
      const types = () =>
        this.frames
          .map((frame) => frame.type)
          .slice(-20)
          .join(" ");
      return await withDeadline(promise, deadlineMs, `waited ${deadlineMs} ms for ${what}`).catch((error: Error) => {
        throw new Error(`${error.message}; frames: ${types()}; closed: ${JSON.stringify(this.#closed)}`);
      });
    } finally {
      this.#waiting.delete(wake);
    }
  }

  /** @returns whether the answer is there */
  #ask(): () => boolean {
    const before = this.frames.length;
    this.send({ type: Command.TYPING, data: { roomId: Number.MAX_SAFE_INTEGER } });
    const isEcho = ({ type, data }: SeenFrame) => type === Push.ERROR && data.requestType === Command.TYPING;
    return () => this.frames.slice(before).some(isEcho);
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
