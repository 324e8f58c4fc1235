import type { Logger } from "../ops/logger.ts";
import { checkRedisAddress, isReplica, type RedisClient, redisClient, whyRedisLost } from "../redis/redis-client.ts";
import type { NodeId } from "./bus.ts";
import type { BusFrame } from "./bus-frame.ts";
import type { BusLine, LineEvents } from "./bus-line.ts";
import { NetworkBus } from "./network-bus.ts";

interface RedisBusParts {
  readonly node: NodeId;
  /** `redis://` or `rediss://`, which is TLS; may hold a name and a password. */
  readonly url: string;
  /** What tells this installation from others that use the same Redis. */
  readonly installation: string;
  readonly logger: Logger;
  /** Called each time it no longer works, and when it does not work at first. */
  readonly onLost?: () => void;
}

/**
 * The bus of many nodes: Redis or Valkey. It uses only two channels, one for the log and one for everything else. Redis
 * stores nothing for it.
 * @throws if the address is not one of Redis
 */
export function openRedisBus({ node, url, installation, logger, onLost }: RedisBusParts): NetworkBus {
  checkRedisAddress(url);
  return new NetworkBus({
    node,
    logger,
    service: "Redis",
    withEvents: true,
    gatherMs: 0,
    onLost,
    whyLost: (cause) => whyRedisLost(url, cause),
    newLine: (events) => new RedisLine({ url, installation }, events),
  });
}

class RedisLine implements BusLine {
  readonly #url: string;
  readonly #events: LineEvents;
  readonly #names: Readonly<Record<BusFrame["channel"], string>>;
  readonly #clients: RedisClient[] = [];
  #sender: RedisClient | undefined;
  #isClosed = false;

  constructor({ url, installation }: { url: string; installation: string }, events: LineEvents) {
    this.#url = url;
    this.#events = events;
    this.#names = { log: `parley:${installation}:log`, live: `parley:${installation}:live` };
  }

  async open(): Promise<void> {
    const [sender, listener] = await Promise.all([this.#connect(), this.#connect()]);
    for (const channel of ["log", "live"] as const) {
      await listener.subscribe(this.#names[channel], (text) => {
        if (!this.#isClosed) this.#events.heard({ channel, text });
      });
    }
    this.#sender = sender;
  }

  async send(frames: readonly BusFrame[]): Promise<void> {
    await Promise.all(frames.map(({ channel, text }) => this.#sender?.publish(this.#names[channel], text)));
  }

  close(): void {
    this.#isClosed = true;
    for (const client of this.#clients) if (client.isOpen) client.destroy();
  }

  async #connect(): Promise<RedisClient> {
    // What could not be sent is not sent later, because others have read the log by then. When a connection is lost, the line ends.
    const client = await redisClient({ url: this.#url, name: "parley-bus" });
    this.#clients.push(client);
    const lost = (cause?: unknown) => {
      if (!this.#isClosed) this.#events.lost(cause);
    };
    client
      .on("error", lost)
      .on("end", () => lost())
      .on("terminated", lost);
    if (this.#isClosed) throw new Error("the bus was closed");
    await client.connect();
    if (await isReplica(client)) throw new Error("this server is a replica, from which messages reach no other server");
    return client;
  }
}
