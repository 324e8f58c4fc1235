import type { Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";
import type { SeenFrame } from "./live-client.ts";
import { clientFrame, firstFrame } from "./raw-frames.ts";
import { handshakeText, rawRequest } from "./raw-http.ts";

/**
 * A WebSocket client that can stop reading its socket, which no library's can. Reads what the server sends (unmasked text
 * frames, RFC 6455 section 5.2) and sends nothing by itself.
 */
export class StalledReader {
  readonly frames: SeenFrame[] = [];
  readonly #socket: Socket;
  readonly #answered: Promise<unknown>;
  #bytes: Buffer = Buffer.alloc(0);
  #ended = false;
  #code: number | undefined;
  readonly #waiting = new Set<() => void>();

  private constructor(request: { url: string; token: string; path: string }) {
    const { socket, answered } = rawRequest({
      url: request.url,
      bytes: handshakeText(
        { Host: new URL(request.url).host, "Sec-WebSocket-Protocol": `parley, ${request.token}` },
        `GET ${request.path} HTTP/1.1`,
      ),
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

  send(frame: unknown): void {
    this.#socket.write(clientFrame(JSON.stringify(frame)));
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
      const { opcode, body, rest } = frame;
      if (opcode === 1) this.frames.push(JSON.parse(body.toString("utf8")));
      if (opcode === 8 && body.length >= 2) this.#code = body.readUInt16BE(0);
      this.#bytes = rest;
    }
  }
}
