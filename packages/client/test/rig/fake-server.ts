export type Socket = Bun.ServerWebSocket<undefined>;

/** A server that is none of Parley's: it answers requests, and connections, with what a test wants. */
export class FakeServer {
  readonly #server: Bun.Server<undefined>;
  /** Requests, upgrades included, with when they came, by `performance.now`. */
  readonly asked: { readonly path: string; readonly at: number }[] = [];
  /** WebSockets that were opened. */
  sockets = 0;
  #opened = Promise.withResolvers<void>();
  /** Resolves at the first one. */
  readonly socketOpened = this.#opened.promise;

  /** @param does without `socket` no upgrade is taken */
  constructor(does: {
    answer: (request: Request) => Response | Promise<Response>;
    /** @param nth from 1 */
    socket?: (socket: Socket, nth: number) => unknown;
  }) {
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request, server) => {
        this.asked.push({ path: new URL(request.url).pathname, at: performance.now() });
        const headers = { "Sec-WebSocket-Protocol": "parley" };
        if (does.socket && server.upgrade(request, { headers })) return undefined;
        return does.answer(request);
      },
      websocket: {
        open: (socket) => {
          this.sockets += 1;
          this.#opened.resolve();
          void does.socket?.(socket, this.sockets);
        },
        message() {},
      },
    });
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
