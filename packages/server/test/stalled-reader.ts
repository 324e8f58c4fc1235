import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";
import type { SeenFrame } from "./live-client.ts";

/**
 * A WebSocket client that can stop reading its socket, which no library's can. Reads what the server sends (unmasked text
 * frames, RFC 6455 section 5.2) and sends nothing after the handshake.
 */
export class StalledReader {
  readonly frames: SeenFrame[] = [];
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #upgraded = false;
  #ended = false;
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

  static async open(url: string, token: string): Promise<StalledReader> {
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname);
    const reader = new StalledReader(socket);
    const key = randomBytes(16).toString("base64");
    const lines = ["GET /ws HTTP/1.1", `Host: ${hostname}:${port}`, "Upgrade: websocket", "Connection: Upgrade"];
    lines.push("Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${key}`, `Sec-WebSocket-Protocol: parley, ${token}`);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    await reader.until(() => reader.#upgraded);
    return reader;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
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
      if (((this.#bytes[0] as number) & 0x0f) === 1) this.frames.push(JSON.parse(payload.toString("utf8")));
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
