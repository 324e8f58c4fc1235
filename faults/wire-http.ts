import { Bytes } from "./bytes.ts";

export interface RequestHead {
  readonly method: string;
  /** With the query. */
  readonly target: string;
  readonly headers: ReadonlyMap<string, string>;
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

interface Handlers<H> {
  head(head: H): void;
  body(part: Buffer): void;
  /** The message is over; another may follow. */
  end(): void;
}

type State =
  | { readonly kind: "head" }
  | { readonly kind: "length"; left: number }
  | { readonly kind: "chunk-size" }
  | { readonly kind: "chunk"; left: number }
  /** The line end after a chunk. */
  | { readonly kind: "chunk-end" }
  | { readonly kind: "trailers" }
  /** After a 101, the bytes are no longer HTTP. */
  | { readonly kind: "raw" };

/** Reads one direction of a connection (RFC 9112): heads and bodies, also chunked, one message after the other. */
export class HttpReader<H> {
  readonly #bytes = new Bytes();
  readonly #parse: (first: string, headers: Map<string, string>) => H;
  readonly #on: Handlers<H>;
  /** Whether the bytes after this head are no longer HTTP. */
  readonly #isLast: (head: H) => boolean;
  #state: State = { kind: "head" };

  constructor(parts: {
    parse: (first: string, headers: Map<string, string>) => H;
    isLast: (head: H) => boolean;
    on: Handlers<H>;
  }) {
    this.#parse = parts.parse;
    this.#isLast = parts.isLast;
    this.#on = parts.on;
  }

  /** Everything that came was whole: a new message is next. */
  get isBetween(): boolean {
    return this.#state.kind === "head" && this.#bytes.isEmpty;
  }

  read(chunk: Buffer): void {
    if (this.#state.kind === "raw") return this.#on.body(chunk);
    const bytes = this.#bytes.with(chunk);
    let at = 0;
    for (let next = this.#step(bytes, at); next !== undefined; next = this.#step(bytes, at)) at = next;
    this.#bytes.keep(bytes, at);
  }

  /** @returns where to go on; undefined if more bytes are needed */
  #step(bytes: Buffer, at: number): number | undefined {
    const state = this.#state;
    if (state.kind === "raw") {
      if (at < bytes.length) this.#on.body(bytes.subarray(at));
      return at < bytes.length ? bytes.length : undefined;
    }
    if (state.kind === "length" || state.kind === "chunk") {
      if (state.left > 0) {
        if (at >= bytes.length) return undefined;
        const to = Math.min(bytes.length, at + state.left);
        state.left -= to - at;
        this.#on.body(bytes.subarray(at, to));
        return to;
      }
      if (state.kind === "length") this.#over();
      else this.#state = { kind: "chunk-end" };
      return at;
    }
    const end = bytes.indexOf(state.kind === "head" ? "\r\n\r\n" : "\r\n", at, "latin1");
    if (end < 0) return undefined;
    const text = bytes.toString("latin1", at, end);
    if (state.kind === "head") {
      this.#begin(text);
      return end + 4;
    }
    if (state.kind === "chunk-size") {
      const left = Number.parseInt(text, 16);
      this.#state = left === 0 ? { kind: "trailers" } : { kind: "chunk", left };
    } else if (state.kind === "chunk-end") this.#state = { kind: "chunk-size" };
    else if (text === "") this.#over();
    return end + 2;
  }

  #begin(text: string): void {
    const [first = "", ...lines] = text.split("\r\n");
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const head = this.#parse(first, headers);
    this.#on.head(head);
    if (this.#isLast(head)) this.#state = { kind: "raw" };
    else if (headers.get("transfer-encoding")?.includes("chunked")) this.#state = { kind: "chunk-size" };
    else this.#state = { kind: "length", left: Number(headers.get("content-length") ?? 0) };
  }

  #over(): void {
    this.#state = { kind: "head" };
    this.#on.end();
  }
}

export function requestReader(on: Handlers<RequestHead>): HttpReader<RequestHead> {
  return new HttpReader({
    parse: (first, headers) => {
      const [method = "", target = ""] = first.split(" ");
      return { method, target, headers };
    },
    isLast: ({ headers }) => headers.get("upgrade")?.toLowerCase() === "websocket",
    on,
  });
}

export function responseReader(on: Handlers<ResponseHead>): HttpReader<ResponseHead> {
  return new HttpReader({
    parse: (first, headers) => ({ status: Number(first.split(" ")[1]), headers }),
    isLast: ({ status }) => status === 101,
    on,
  });
}
