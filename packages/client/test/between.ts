/** A proxy that understands requests: it passes each one on, or answers in the server's place. */
export class Between {
  readonly #server: Bun.Server<undefined>;
  /** What comes in place of the server's answer; undefined: that one. Called with the body of each request for events. */
  answer: (ask: { wait: number; cursor?: string }, real: () => Promise<Response>) => Promise<Response> | undefined;

  constructor(target: string) {
    this.answer = () => undefined;
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 60,
      fetch: async (request) => {
        const { pathname, search } = new URL(request.url);
        const { method, headers, signal } = request;
        const body = method === "GET" ? null : await request.text();
        const real = () => fetch(`${target}${pathname}${search}`, { method, headers, body, signal });
        const isPoll = method === "POST" && pathname === "/api/v1/events";
        return (isPoll && this.answer(JSON.parse(body as string), real)) || real();
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
