import type { Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";
import type { SeenFrame } from "./live-client.ts";
import { firstFrame, rawHandshake, upgradeHeaders } from "./raw-handshake.ts";

/**
 * A WebSocket client that can stop reading its socket, which no library's can. Reads what the server sends (unmasked text
 * frames, RFC 6455 section 5.2) and sends nothing by itself.
 */
export class StalledReader {
  readonly frames: SeenFrame[] = [];
  readonly #socket: Socket;
  readonly #answered: Promise<number>;
  #bytes: Buffer = Buffer.alloc(0);
  #ended = false;
  #code: number | undefined;
  readonly #waiting = new Set<() => void>();

  private constructor(request: { url: string; token: string; path: string }) {
    const { socket, answered } = rawHandshake({
      url: request.url,
      path: request.path,
      headers: upgradeHeaders(request.token),
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

  static async open(url: string, token: string, path = "/ws"): Promise<StalledReader> {
    const reader = new StalledReader({ url, token, path });
    await reader.#answered;
    return reader;
  }

  /** Of the close frame; undefined when none came, which libraries call 1006. */
  get code(): number | undefined {
    return this.#code;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** A frame of at most 125 bytes; masked with zeros, which leave it as it is. */
  send(frame: unknown): void {
    const body = Buffer.from(JSON.stringify(frame));
    this.#socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0]), body]));
  }

  ended(): Promise<void> {
    return this.until(() => this.#ended);
  }

  async until(look: (frames: SeenFrame[]) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      if (look(this.frames)) resolve();
    };
    this.#waiting.add(wake);
    wake();
    await withDeadline(promise, 20_000, "the stalled reader waited too long").finally(() => this.#waiting.delete(wake));
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #parse(): void {
    for (let frame = firstFrame(this.#bytes); frame; frame = firstFrame(this.#bytes)) {
      const { opcode, payload, rest } = frame;
      if (opcode === 1) this.frames.push(JSON.parse(payload.toString("utf8")));
      if (opcode === 8 && payload.length >= 2) this.#code = payload.readUInt16BE(0);
      this.#bytes = rest;
    }
  }
}
