import { connect, type Socket } from "node:net";

/** How a request ended: with a status and a body, or cut. */
export type Answer = { readonly status: number; readonly body: string } | { readonly cut: string };

const LINE_END = "\r\n";

/**
 * One connection of a client that speaks HTTP without a library, which would try again by itself where a connection is cut. It asks one thing at a time, and
 * opens another connection only when an answer said that this one ends, or for the next request after one that was cut.
 */
export class HttpLine {
  readonly #url: URL;
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #onBytes: () => void = () => {};
  #end = "";

  constructor(url: string) {
    this.#url = new URL(url);
  }

  async ask(request: { method: string; path: string; token: string; body?: unknown }): Promise<Answer> {
    const { method, path, token, body } = request;
    const text = body === undefined ? "" : JSON.stringify(body);
    const head = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${this.#url.host}`,
      `Authorization: Bearer ${token}`,
      ...(body === undefined ? [] : ["Content-Type: application/json"]),
      ...(method === "GET" ? [] : [`Content-Length: ${Buffer.byteLength(text)}`]),
    ];
    const socket = this.#socket ?? this.#open();
    socket.write(head.join(LINE_END) + LINE_END + LINE_END + text);
    for (;;) {
      const read = readAnswer(this.#received);
      if (read) {
        this.#received = this.#received.subarray(read.length);
        if (read.isLast) this.close();
        return { status: read.status, body: read.body };
      }
      if (this.#end !== "") {
        const cut = `${this.#end} after ${this.#received.length} bytes`;
        this.close();
        return { cut };
      }
      await new Promise<void>((resolve) => {
        this.#onBytes = resolve;
      });
    }
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #open(): Socket {
    const socket = connect(Number(this.#url.port), this.#url.hostname);
    socket.setNoDelay(true);
    this.#socket = socket;
    this.#received = Buffer.alloc(0);
    this.#end = "";
    const ended = (why: string) => {
      if (this.#socket !== socket) return;
      this.#end ||= why;
      this.#onBytes();
    };
    socket.on("data", (bytes: Buffer) => {
      if (this.#socket !== socket) return;
      this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
      this.#onBytes();
    });
    socket.on("error", (error) => ended(error.message));
    socket.on("close", () => ended("closed"));
    return socket;
  }
}

interface Read {
  readonly status: number;
  readonly body: string;
  /** Bytes of the answer. */
  readonly length: number;
  /** The connection ends with it. */
  readonly isLast: boolean;
}

/** The first answer of what was received; undefined while a part of it is missing. */
function readAnswer(bytes: Buffer): Read | undefined {
  const end = bytes.indexOf(LINE_END + LINE_END);
  if (end < 0) return undefined;
  const head = bytes.toString("latin1", 0, end).toLowerCase();
  const status = Number(/^http\/1\.1 (\d{3})/.exec(head)?.[1]);
  const isLast = /^connection: *close/m.test(head);
  const start = end + 4;
  if (status === 204 || status === 304) return { status, body: "", length: start, isLast };
  if (/^transfer-encoding: *chunked/m.test(head)) {
    const chunked = readChunks(bytes, start);
    return chunked && { status, isLast, ...chunked };
  }
  const length = Number(/^content-length: *(\d+)/m.exec(head)?.[1] ?? 0);
  if (bytes.length < start + length) return undefined;
  return { status, body: bytes.toString("utf8", start, start + length), length: start + length, isLast };
}

function readChunks(bytes: Buffer, start: number): { body: string; length: number } | undefined {
  const parts: Buffer[] = [];
  for (let at = start; ; ) {
    const line = bytes.indexOf(LINE_END, at);
    if (line < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, line), 16);
    const next = line + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { body: Buffer.concat(parts).toString("utf8"), length: next };
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
}
