import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";
import type { SeenFrame } from "./live-client.ts";

/**
 * A WebSocket client that can stop reading its socket, which no library's can. Reads what the server sends (unmasked text
 * frames, RFC 6455 section 5.2) and sends nothing by itself.
 */
export class StalledReader {
  readonly frames: SeenFrame[] = [];
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #upgraded = false;
  #ended = false;
  #code: number | undefined;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (data) => {
      this.#bytes = Buffer.concat([this.#bytes, data as Buffer]);
      this.#parse();
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on("close", end).on("end", end).on("error", end);
  }

  static async open(url: string, token: string, path = "/ws"): Promise<StalledReader> {
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname);
    const reader = new StalledReader(socket);
    const key = randomBytes(16).toString("base64");
    const lines = [`GET ${path} HTTP/1.1`, `Host: ${hostname}:${port}`, "Upgrade: websocket", "Connection: Upgrade"];
    lines.push("Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${key}`, `Sec-WebSocket-Protocol: parley, ${token}`);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    await reader.until(() => reader.#upgraded);
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
    if (!this.#upgraded) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#upgraded = true;
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    for (;;) {
      const head = this.#headBytes();
      if (head === undefined || this.#bytes.length < head.from + head.length) return;
      const payload = this.#bytes.subarray(head.from, head.from + head.length);
      const opcode = (this.#bytes[0] as number) & 0x0f;
      if (opcode === 1) this.frames.push(JSON.parse(payload.toString("utf8")));
      if (opcode === 8 && payload.length >= 2) this.#code = payload.readUInt16BE(0);
      this.#bytes = this.#bytes.subarray(head.from + head.length);
    }
  }

  /** Where the payload of the first frame begins and how long it is; undefined while its head is incomplete. */
  #headBytes(): { from: number; length: number } | undefined {
    if (this.#bytes.length < 2) return undefined;
    const short = (this.#bytes[1] as number) & 0x7f;
    if (short < 126) return { from: 2, length: short };
    if (short === 126) return this.#bytes.length < 4 ? undefined : { from: 4, length: this.#bytes.readUInt16BE(2) };
    return this.#bytes.length < 10 ? undefined : { from: 10, length: Number(this.#bytes.readBigUInt64BE(2)) };
  }
}
