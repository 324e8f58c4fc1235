import { delay, withDeadline } from "../src/lib/interval.ts";
import { endLater } from "./left-running.ts";

/** One request as a webhook's receiver got it. */
export interface Received {
  readonly id: string;
  readonly attempt: number;
  readonly headers: Record<string, string>;
  /** As it was sent. */
  readonly text: string;
  readonly event: string;
  readonly stream: string | undefined;
  readonly seq: number | undefined;
  readonly data: Record<string, unknown> & { message?: { id: number; body: { content?: string } } };
}

/** The product's own backend: a real HTTP server that answers as a test says, and notes what it got. */
export class Receiver {
  readonly received: Received[] = [];
  /** Those that were answered with a 2xx, in the order in which they came. */
  readonly taken: Received[] = [];
  answer: (request: Received) => Response | Promise<Response> = () => new Response("thanks");
  /** Requests that are being answered, and the most at once so far. */
  open = 0;
  most = 0;
  readonly port: number;
  readonly #server: Bun.Server<undefined>;
  readonly #ended = endLater(() => this.stop());

  constructor(port = 0) {
    this.#server = Bun.serve({
      port,
      hostname: "127.0.0.1",
      idleTimeout: 60,
      fetch: (request) => this.#take(request),
    });
    this.port = this.#server.port as number;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Texts of messages that were accepted, of one room or of all. */
  texts(stream?: string): (string | undefined)[] {
    return this.taken
      .filter((one) => one.event === "MESSAGE" && (stream === undefined || one.stream === stream))
      .map(({ data }) => data.message?.body.content);
  }

  async until(what: string, holds: (receiver: Receiver) => boolean, ms = 10_000): Promise<void> {
    await until(what, () => holds(this), ms);
  }

  async stop(): Promise<void> {
    this.#ended();
    await this.#server.stop(true);
  }

  async #take(request: Request): Promise<Response> {
    const text = await request.text();
    const { event, stream, seq, data } = JSON.parse(text);
    const headers = Object.fromEntries(request.headers);
    const { "webhook-id": id = "", "webhook-attempt": attempt } = headers;
    const one: Received = { id, attempt: Number(attempt), headers, text, event, stream, seq, data };
    this.received.push(one);
    this.open += 1;
    this.most = Math.max(this.most, this.open);
    try {
      const response = await this.answer(one);
      if (response.ok) this.taken.push(one);
      return response;
    } finally {
      this.open -= 1;
    }
  }
}

/** Checks again and again, for this long. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const look = async () => {
    while (!(await holds())) await delay(10);
  };
  await withDeadline(look(), ms, `never: ${what}`);
}
