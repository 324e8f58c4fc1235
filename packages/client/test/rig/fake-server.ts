import { withDeadline } from "../../../server/src/lib/interval.ts";

export type Socket = Bun.ServerWebSocket<undefined>;

/** A server that is not Parley: it answers requests and connections with what a test wants. */
export class FakeServer {
  readonly #server: Bun.Server<undefined>;
  /** Requests, including upgrades, with the time at which they came, by `performance.now`. */
  readonly asked: { readonly path: string; readonly search: string; readonly at: number }[] = [];
  /** How many WebSockets were opened. */
  sockets = 0;
  /** Open sockets, and requests that are not answered completely. */
  readonly #busy = new Set<unknown>();
  readonly #looks: (() => void)[] = [];
  readonly #asking = Promise.withResolvers<void>();
  #opened = Promise.withResolvers<void>();
  /** Resolves when the first socket opens. */
  readonly socketOpened = this.#opened.promise;

  /** @param does without `socket` no upgrade is accepted */
  constructor(does: {
    answer: (request: Request) => Response | Promise<Response>;
    /** @param nth counts from 1 */
    socket?: (socket: Socket, nth: number) => unknown;
    /** Called when a client has sent something. */
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
        // A stream ends when its reader ends it.
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

  /** Resolves when nobody is connected and no request is under way. */
  async quiet(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => this.#busy.size === 0 && resolve();
    this.#looks.push(look);
    look();
    await withDeadline(promise, 4_500, "somebody is connected");
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

/** Passes a request on, as a working proxy does. */
export async function passOn(request: Request, target: string): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const { method, headers, signal } = request;
  const body = method === "GET" ? null : await request.text();
  return fetch(`${target}${pathname}${search}`, { method, headers, body, signal });
}
