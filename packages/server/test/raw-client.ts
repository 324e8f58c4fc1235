import type { Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";
import type { SeenFrame } from "./live-client.ts";
import { clientFrame, firstFrame } from "./raw-frames.ts";
import { handshakeText, rawRequest } from "./raw-http.ts";

/**
 * A WebSocket client that can do what no library's client can: stop reading its socket, and send whatever bytes it is given. It sends
 * nothing by itself.
 */
export class RawClient {
  readonly frames: SeenFrame[] = [];
  readonly #socket: Socket;
  readonly #answered: Promise<unknown>;
  #bytes: Buffer = Buffer.alloc(0);
  #ended = false;
  #code: number | undefined;
  #pongs = 0;
  readonly #waiting = new Set<() => void>();

  private constructor(url: string, { token, path }: { token: string | undefined; path: string }) {
    const offered = token === undefined ? null : `parley, ${token}`;
    const { socket, answered } = rawRequest({
      url,
      bytes: handshakeText({ Host: new URL(url).host, "Sec-WebSocket-Protocol": offered }, `GET ${path} HTTP/1.1`),
      onBytes: (bytes) => {
        this.#bytes = Buffer.concat([this.#bytes, bytes]);
        this.#parse();
        this.#wake();
      },
      onEnd: () => {
        this.#ended = true;
        this.#wake();
      },
    });
    this.#socket = socket;
    this.#answered = answered;
  }

  /** Without a token it is anonymous, or has one in its path. */
  static async open(url: string, token?: string, path = "/ws"): Promise<RawClient> {
    const client = new RawClient(url, { token, path });
    await client.#answered;
    return client;
  }

  get gone(): boolean {
    return this.#ended;
  }

  /** The code of the close frame; undefined if none came, which libraries call 1006. */
  get code(): number | undefined {
    return this.#code;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  send(frame: unknown): void {
    this.write(clientFrame(JSON.stringify(frame)));
  }

  write(bytes: Buffer): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /** Marks the place that `settled` waits for. */
  ping(): void {
    this.write(clientFrame("settled", 0x89));
  }

  /** Resolves when that ping was answered, or the connection has ended. */
  settled(): Promise<void> {
    return this.until(() => this.#pongs > 0 || this.#ended);
  }

  ended(): Promise<void> {
    return this.until(() => this.#ended);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async until(look: (frames: SeenFrame[]) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      if (look(this.frames)) resolve();
    };
    this.#waiting.add(wake);
    wake();
    await withDeadline(promise, 20_000, "a raw client waited too long").finally(() => this.#waiting.delete(wake));
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #parse(): void {
    for (let frame = firstFrame(this.#bytes); frame; frame = firstFrame(this.#bytes)) {
      const { opcode, body, rest } = frame;
      const text = body.toString("utf8");
      if (opcode === 1) this.frames.push(JSON.parse(text));
      if (opcode === 8 && body.length >= 2) this.#code = body.readUInt16BE(0);
      if (opcode === 10 && text === "settled") this.#pongs += 1;
      this.#bytes = rest;
    }
  }
}
