import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";
import type { SeenFrame } from "./live-client.ts";
import type { WildFrame } from "./random-frames.ts";

/** A WebSocket client without manners: it sends whatever bytes it is given, and reads what comes back. */
export class WildClient {
  readonly frames: SeenFrame[] = [];
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #upgraded = false;
  #ended = false;
  #pongs = 0;
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

  static async open(url: string, path: string): Promise<WildClient> {
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname);
    const client = new WildClient(socket);
    const lines = [`GET ${path} HTTP/1.1`, `Host: ${hostname}:${port}`, "Upgrade: websocket", "Connection: Upgrade"];
    lines.push("Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    await client.#until(() => client.#upgraded, "the upgrade");
    return client;
  }

  get ended(): boolean {
    return this.#ended;
  }

  write({ opcode, body }: WildFrame): void {
    if (!this.#socket.writable) return;
    const head =
      body.length < 126
        ? Buffer.from([0x80 | opcode, 0x80 | body.length])
        : Buffer.from([0x80 | opcode, 0x80 | 126, body.length >> 8, body.length & 255]);
    // A mask of zeros leaves the body as it is.
    this.#socket.write(Buffer.concat([head, Buffer.alloc(4), body]));
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

  /** The server's frames are not masked and never over 64 KiB here (RFC 6455 section 5.2). */
  #parse(): void {
    if (!this.#upgraded) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#upgraded = true;
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    while (this.#bytes.length >= 2) {
      const short = this.#bytes[1] as number;
      const from = short < 126 ? 2 : 4;
      if (this.#bytes.length < from) return;
      const to = from + (short < 126 ? short : this.#bytes.readUInt16BE(2));
      if (this.#bytes.length < to) return;
      const body = this.#bytes.subarray(from, to).toString("utf8");
      const opcode = (this.#bytes[0] as number) & 15;
      if (opcode === 1) this.frames.push(JSON.parse(body));
      if (opcode === 10 && body === "settled") this.#pongs += 1;
      this.#bytes = this.#bytes.subarray(to);
    }
  }
}
