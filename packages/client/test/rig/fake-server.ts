import { withDeadline } from "../../../server/src/lib/interval.ts";

export type Socket = Bun.ServerWebSocket<undefined>;

/** A server that is none of Parley's: it answers requests, and connections, with what a test wants. */
export class FakeServer {
  readonly #server: Bun.Server<undefined>;
  /** Requests, upgrades included, with when they came, by `performance.now`. */
  readonly asked: { readonly path: string; readonly search: string; readonly at: number }[] = [];
  /** WebSockets that were opened. */
  sockets = 0;
  /** Sockets, and requests that were not answered to their end. */
  readonly #busy = new Set<unknown>();
  readonly #looks: (() => void)[] = [];
  readonly #asking = Promise.withResolvers<void>();
  #opened = Promise.withResolvers<void>();
  /** Resolves at the first one. */
  readonly socketOpened = this.#opened.promise;

  /** @param does without `socket` no upgrade is taken */
  constructor(does: {
    answer: (request: Request) => Response | Promise<Response>;
    /** @param nth from 1 */
    socket?: (socket: Socket, nth: number) => unknown;
    /** A client has sent something. */
    onText?: (socket: Socket, text: string) => unknown;
  }) {
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: async (request, server) => {
        const { pathname: path, search } = new URL(request.url);
        this.asked.push({ path, search, at: performance.now() });
        this.#asking.resolve();
        const headers = { "Sec-WebSocket-Protocol": "parley" };
        if (does.socket && server.upgrade(request, { headers })) return undefined;
        this.#busy.add(request);
        request.signal.addEventListener("abort", () => this.#ended(request), { once: true });
        const response = await does.answer(request);
        // The end of a stream is its reader's.
        if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) this.#ended(request);
        return response;
      },
      websocket: {
        open: (socket) => {
          this.sockets += 1;
          this.#busy.add(socket);
          this.#opened.resolve();
          void does.socket?.(socket, this.sockets);
        },
        close: (socket) => this.#ended(socket),
        message: (socket, text) => void does.onText?.(socket, String(text)),
      },
    });
  }

  /** Resolves at the first request. */
  get asking(): Promise<void> {
    return this.#asking.promise;
  }

  /** When nobody is connected, and no request is under way. */
  async quiet(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => this.#busy.size === 0 && resolve();
    this.#looks.push(look);
    look();
    await withDeadline(promise, 2_000, "somebody is connected");
  }

  #ended(what: unknown): void {
    this.#busy.delete(what);
    for (const look of this.#looks) look();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  close(): Promise<void> {
    return this.#server.stop(true);
  }
}

/** As a proxy does that is in order. */
export async function passOn(request: Request, target: string): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const { method, headers, signal } = request;
  const body = method === "GET" ? null : await request.text();
  return fetch(`${target}${pathname}${search}`, { method, headers, body, signal });
}
