import type { Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";
import type { SeenFrame } from "./live-client.ts";
import type { WildFrame } from "./random-frames.ts";
import { clientFrame, firstFrame } from "./raw-frames.ts";
import { handshakeText, rawRequest } from "./raw-http.ts";

/** A WebSocket client without manners: it sends whatever bytes it is given, and reads what comes back. */
export class WildClient {
  readonly frames: SeenFrame[] = [];
  readonly #socket: Socket;
  readonly #answered: Promise<unknown>;
  #bytes: Buffer = Buffer.alloc(0);
  #ended = false;
  #pongs = 0;
  readonly #waiting = new Set<() => void>();

  private constructor(url: string, path: string) {
    const { socket, answered } = rawRequest({
      url,
      bytes: handshakeText({ Host: new URL(url).host }, `GET ${path} HTTP/1.1`),
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

  static async open(url: string, path: string): Promise<WildClient> {
    const client = new WildClient(url, path);
    await client.#answered;
    return client;
  }

  get ended(): boolean {
    return this.#ended;
  }

  write({ opcode, body }: WildFrame): void {
    if (this.#socket.writable) this.#socket.write(clientFrame(body, 0x80 | opcode));
  }

  /** Marks the place that `settled` waits for. */
  ping(): void {
    this.write({ opcode: 9, body: Buffer.from("settled") });
  }

  /** Resolves when that ping was answered, or the connection has ended. */
  settled(): Promise<void> {
    return this.#until(() => this.#pongs > 0 || this.#ended, "the answer to a ping, or the end");
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #until(look: () => boolean, what: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      if (look()) resolve();
    };
    this.#waiting.add(wake);
    wake();
    await withDeadline(promise, 10_000, `a wild client waited for ${what}`).finally(() => this.#waiting.delete(wake));
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #parse(): void {
    for (let frame = firstFrame(this.#bytes); frame; frame = firstFrame(this.#bytes)) {
      const body = frame.body.toString("utf8");
      if (frame.opcode === 1) this.frames.push(JSON.parse(body));
      if (frame.opcode === 10 && body === "settled") this.#pongs += 1;
      this.#bytes = frame.rest;
    }
  }
}
