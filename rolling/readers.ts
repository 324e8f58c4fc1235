import { createClient } from "@parley/client";
import { delay } from "../packages/server/src/lib/interval.ts";
import { uptimeMs } from "../packages/server/src/lib/uptime.ts";

export const TRANSPORTS = ["websocket", "sse", "long-poll"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** More than any run sends, so that whatever was missed comes one by one. */
const MAX = 100_000;
const DEADLINE_MS = 30_000;

/** A person's program, which is told of each message of a room by one transport, through the balancer. */
export class Reader {
  readonly transport: TransportName;
  /** Of the messages, in the order in which they came. */
  readonly ids: number[] = [];
  /** How often it was live. */
  lives = 0;
  resyncs = 0;
  readonly #client: ReturnType<typeof createClient>;

  constructor(at: { url: string; token: string; roomId: number; transport: TransportName }) {
    this.transport = at.transport;
    this.#client = createClient({
      url: at.url,
      token: at.token,
      transports: [at.transport],
      max: MAX,
      onWarning: () => {},
    });
    this.#client.on("message", ({ message }) => {
      if (message.roomId === at.roomId) this.ids.push(message.id);
    });
    this.#client.on("resync", () => {
      this.resyncs += 1;
    });
    this.#client.on("state", ({ kind }) => {
      if (kind === "live") this.lives += 1;
    });
    this.#client.start();
  }

  /** Resolves when it is live. */
  async ready(): Promise<void> {
    await until(() => this.lives > 0, `a reader by ${this.transport} to be live`);
  }

  /** Resolves when it has a message, or was waited for in vain. */
  async has(id: number): Promise<void> {
    await until(() => this.ids.at(-1) === id, "").catch(() => {});
  }

  stop(): void {
    this.#client.stop();
  }
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = uptimeMs() + DEADLINE_MS;
  while (!isSo()) {
    if (uptimeMs() > deadline) throw new Error(`waited in vain for ${what}`);
    await delay(20);
  }
}
