import { Backoff } from "../lib/backoff.ts";
import { after, type Stop, withDeadline } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { Logger } from "../ops/logger.ts";
import { type RedisClient, redisClient, whyRedisLost } from "./redis-client.ts";

/** How long a question waits for its answer. */
const PATIENCE_MS = 250;
const LOOK_MS = 50;
/** To connect, with TLS and a password. */
const OPEN_MS = 2000;
/** A connection that has worked for less leaves the time to the next try as it was. */
const STEADY_MS = 10_000;

interface RedisLinkParts {
  readonly url: string;
  /** What an administrator of Redis sees in its list of connections. */
  readonly name: string;
  readonly logger: Logger;
  /** What log lines say when it begins to work, and when it no longer works. */
  readonly says: { readonly works: string; readonly away: string };
  /** A question like those that are asked later. A connection that cannot answer it is not used. */
  readonly probe: (client: RedisClient) => Promise<unknown>;
  /** Longer than a quarter of a second, for tests that are about other things. */
  readonly patienceMs?: number | undefined;
}

type State =
  | { readonly at: "waiting"; readonly stop: Stop }
  | { readonly at: "opening"; readonly connection: Connection }
  | { readonly at: "working"; readonly connection: Connection; readonly client: RedisClient; readonly since: number }
  | { readonly at: "closed" };

/**
 * A connection for short questions to Redis, for callers that can do without an answer. A question is answered within a quarter of a second or not at all.
 * If it is not, the connection counts as lost, and nobody waits until another one has answered a test question.
 */
export class RedisLink {
  readonly #parts: RedisLinkParts;
  readonly #backoff = new Backoff({ firstMs: 50, longestMs: 2000 });
  #state: State = { at: "waiting", stop: () => {} };
  /** Since a line in the log has said so. */
  #isAway = false;
  #problem = "Redis has not answered yet";

  constructor(parts: RedisLinkParts) {
    this.#parts = parts;
    this.#open();
  }

  get works(): boolean {
    return this.#state.at === "working";
  }

  /** Why it does not work, in words without a password. */
  get problem(): string | undefined {
    return this.works ? undefined : this.#problem;
  }

  /** Asks once. @returns undefined if Redis is away, does not answer in time or refuses to answer */
  async ask<T>(question: (client: RedisClient) => Promise<T>): Promise<T | undefined> {
    const state = this.#state;
    if (state.at !== "working") return undefined;
    try {
      return await this.#inTime(question(state.client));
    } catch (cause) {
      this.#lose(state.connection, cause);
      return undefined;
    }
  }

  /** Nothing is answered after that. */
  close(): void {
    this.#leave({ at: "closed" });
  }

  #open(): void {
    const connection: Connection = new Connection(this.#parts, (cause) => this.#lose(connection, cause));
    this.#state = { at: "opening", connection };
    withDeadline(connection.open(), OPEN_MS, "no answer")
      .then(async (client) => {
        await this.#inTime(this.#parts.probe(client));
        if (this.#isCurrent(connection)) this.#begin(connection, client);
      })
      .catch((cause) => this.#lose(connection, cause));
  }

  #isCurrent(connection: Connection): boolean {
    return "connection" in this.#state && this.#state.connection === connection;
  }

  #begin(connection: Connection, client: RedisClient): void {
    this.#state = { at: "working", connection, client, since: uptimeMs() };
    this.#isAway = false;
    this.#parts.logger.info({ service: "Redis" }, this.#parts.says.works);
  }

  #lose(connection: Connection, cause: unknown): void {
    if (!this.#isCurrent(connection)) return;
    this.#problem = whyRedisLost(this.#parts.url, cause);
    if (!this.#isAway) {
      this.#isAway = true;
      this.#parts.logger.warn({ service: "Redis", problem: this.#problem }, this.#parts.says.away);
    }
    if (this.#state.at === "working" && uptimeMs() - this.#state.since >= STEADY_MS) this.#backoff.reset();
    this.#leave({ at: "waiting", stop: after(this.#backoff.next(), () => this.#open()) });
  }

  /** Looks are counted instead of time, so that a node whose event loop was busy for a while does not blame Redis, whose answer may have arrived already. */
  async #inTime<T>(answer: Promise<T>): Promise<T> {
    const looks = (this.#parts.patienceMs ?? PATIENCE_MS) / LOOK_MS;
    let isSettled = false;
    const settled = answer.finally(() => {
      isSettled = true;
    });
    for (let look = 0; look < looks && !isSettled; look++) {
      await withDeadline(settled, LOOK_MS, "").catch(() => {});
    }
    if (!isSettled) throw new Error("it did not answer in time");
    return await answer;
  }

  #leave(next: State): void {
    const state = this.#state;
    this.#state = next;
    if (state.at === "waiting") state.stop();
    if ("connection" in state) state.connection.close();
  }
}

/** One client from its beginning to its end. */
class Connection {
  readonly #of: { readonly url: string; readonly name: string };
  readonly #lost: (cause: unknown) => void;
  #client: RedisClient | undefined;
  #isClosed = false;

  constructor(of: { url: string; name: string }, lost: (cause: unknown) => void) {
    this.#of = of;
    this.#lost = lost;
  }

  async open(): Promise<RedisClient> {
    const client = await redisClient(this.#of);
    if (this.#isClosed) throw new Error("it was closed");
    this.#client = client;
    client.on("error", this.#lost);
    await client.connect();
    return client;
  }

  /** What was asked and not answered fails. */
  close(): void {
    this.#isClosed = true;
    if (this.#client?.isOpen) this.#client.destroy();
  }
}
