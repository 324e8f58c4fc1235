import type { Socket } from "node:net";
import { withDeadline } from "../src/lib/interval.ts";
import type { SeenFrame } from "./live-client.ts";
import { type Head, type HeaderLines, rawRequest, requestText } from "./raw-http.ts";

/**
 * An event stream over a bare socket: the runtime's `fetch` opens 256 at a time at most, and cannot stop reading. It keeps
 * each frame with the `id:` and the last `retry:` that came with it.
 */
export class SseReader {
  readonly frames: (SeenFrame & { readonly id?: string })[] = [];
  /** The status of the answer; 0 until it has come. */
  status = 0;
  /** What the stream asked its client to wait before coming back. */
  retryMs: number | undefined;
  readonly #socket: Socket;
  readonly #answered: Promise<Head>;
  readonly #waiting = new Set<() => void>();
  #bytes = Buffer.alloc(0);
  #text = "";
  #id: string | undefined;
  #ended: "whole" | "cut" | undefined;

  private constructor(request: { url: string; path: string; headers: HeaderLines }) {
    const { url, path, headers } = request;
    const { socket, answered } = rawRequest({
      url,
      bytes: requestText(`GET ${path} HTTP/1.1`, { Host: new URL(url).host, ...headers }),
      onBytes: (bytes) => {
        this.#bytes = Buffer.concat([this.#bytes, bytes]);
        this.#parse();
        this.#wake();
      },
      onEnd: () => {
        this.#ended ??= "cut";
        this.#wake();
      },
    });
    this.#socket = socket;
    this.#answered = answered;
  }

  /** Resolves when the answer has come, whatever it is. */
  static async open(url: string, token: string | undefined, query = "", more: HeaderLines = {}): Promise<SseReader> {
    const headers = { Authorization: token === undefined ? null : `Bearer ${token}`, ...more };
    const reader = new SseReader({ url, path: `/api/v1/events/stream${query}`, headers });
    reader.status = (await reader.#answered).status;
    return reader;
  }

  of(type: number): (SeenFrame & { readonly id?: string })[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  stream(name: string): SeenFrame[] {
    return this.frames.filter((frame) => frame.stream === name);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** `whole`: the body came to its end; `cut`: it did not. */
  async ended(deadlineMs?: number): Promise<"whole" | "cut"> {
    return (await this.until(() => this.#ended, "the end", deadlineMs)) as "whole" | "cut";
  }

  async frame(type: number): Promise<SeenFrame & { readonly id?: string }> {
    const find = () => this.frames.find((frame) => frame.type === type);
    return (await this.until(find, `a frame of type ${type}`)) as SeenFrame & { readonly id?: string };
  }

  async until<T>(look: () => T | undefined | false, what: string, deadlineMs = 20_000): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const wake = () => {
      const found = look();
      if (found) resolve(found);
    };
    this.#waiting.add(wake);
    wake();
    const types = () => this.frames.map(({ type }) => type).slice(-20);
    return await withDeadline(promise, deadlineMs, `a stream waited for ${what}`)
      .catch((error: Error) => {
        throw new Error(`${error.message}; status ${this.status}, frames ${types()}, ended ${this.#ended}`);
      })
      .finally(() => this.#waiting.delete(wake));
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #parse(): void {
    // Chunks: RFC 9112 section 7.1.
    for (;;) {
      const end = this.#bytes.indexOf("\r\n");
      const size = end < 0 ? Number.NaN : Number.parseInt(this.#bytes.toString("latin1", 0, end), 16);
      if (Number.isNaN(size) || this.#bytes.length < end + 2 + size + 2) return;
      this.#text += this.#bytes.toString("utf8", end + 2, end + 2 + size);
      this.#bytes = this.#bytes.subarray(end + 2 + size + 2);
      if (size === 0) this.#ended = "whole";
      const lines = this.#text.split("\n");
      this.#text = lines.pop() as string;
      for (const line of lines) this.#line(line);
    }
  }

  #line(line: string): void {
    if (line.startsWith("id: ")) this.#id = line.slice(4);
    else if (line.startsWith("retry: ")) this.retryMs = Number(line.slice(7));
    else if (line.startsWith("data: ")) {
      this.frames.push({ ...JSON.parse(line.slice(6)), ...(this.#id === undefined ? {} : { id: this.#id }) });
      this.#id = undefined;
    }
  }
}
