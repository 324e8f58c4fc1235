import type { CountingTogether } from "../limits/rates.ts";
import type { Logger } from "../ops/logger.ts";
import { checkRedisAddress } from "./redis-client.ts";
import { RedisLink } from "./redis-link.ts";
import { askWindow, RedisRate } from "./redis-rate.ts";

export interface RedisCounting {
  readonly together: CountingTogether;
  /** Whether Redis counts at present; if not, each node counts alone. */
  readonly works: boolean;
  /** Why not, in words that hold no password. */
  readonly problem: string | undefined;
  close(): void;
}

interface RedisCountingParts {
  /** `redis://` or `rediss://`, which is TLS; may hold a name and a password. */
  readonly url: string;
  /** What tells this installation from others that use the same Redis. */
  readonly installation: string;
  readonly logger: Logger;
  /** See `RedisLink`. */
  readonly patienceMs?: number;
}

/**
 * Counts in Redis, for all nodes of an installation, what is counted for a whole machine by its supervisor. It connects by itself, and
 * nobody has to wait for that.
 * @throws if the address is not one of Redis
 */
export function openRedisCounting({ url, installation, ...parts }: RedisCountingParts): RedisCounting {
  checkRedisAddress(url);
  const prefix = `parley:${installation}:rate:`;
  const link = new RedisLink({
    ...parts,
    url,
    name: "parley-rates",
    says: {
      works: "sign-ins, new accounts and QR codes are counted by Redis for all nodes",
      away: "sign-ins, new accounts and QR codes are counted by this node alone, because Redis does not work",
    },
    probe: (client) => askWindow(client, { act: "take", key: `${prefix}probe`, count: 1, windowMs: 1 }),
  });
  return {
    together: {
      shared: (rate, { row, onFull }) => new RedisRate({ link, row, onFull, prefix: `${prefix}${rate}:` }),
    },
    get works() {
      return link.works;
    },
    get problem() {
      return link.problem;
    },
    close: () => link.close(),
  };
}

/**
 * What `createContext` gets: with Redis all nodes count there, also those that are processes of one machine.
 * @param of.stops gets what ends it
 */
export function countInRedis(
  { redisUrl }: { readonly redisUrl: string | undefined },
  { stops, ...of }: Pick<RedisCountingParts, "installation" | "logger"> & { stops: (() => unknown)[] },
): { together?: CountingTogether } {
  if (redisUrl === undefined) return {};
  const { together, close } = openRedisCounting({ ...of, url: redisUrl });
  stops.push(close);
  return { together };
}
