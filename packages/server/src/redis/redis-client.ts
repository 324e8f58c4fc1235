/**
 * Connections to Redis or Valkey, and what the nodes of an installation count together there. Redis holds nothing that must not be lost, and
 * nothing waits long for it; a node without it counts alone.
 *
 * The bus over Redis is in `bus/redis-bus.ts` and takes its connections from here. Knows nothing of people or messages. Must not import
 * `nodes` or anything above it.
 */
import type { RedisClientOptions } from "redis";
import { whyLost } from "../lib/why-lost.ts";

const CONNECT_MS = 5000;

export type RedisClient = Awaited<ReturnType<typeof makeClient>>;

/** @throws if the address is not one of Redis; the message holds nothing of it, since it may contain a password */
export function checkRedisAddress(url: string): void {
  if (!URL.canParse(url) || !["redis:", "rediss:"].includes(new URL(url).protocol))
    throw new Error("the address of Redis must look like redis://host:6379, or rediss://host:6379 with TLS");
}

/**
 * A client that is not connected yet. It keeps nothing for later and never connects again by itself: the caller notices that the connection
 * is lost, and decides when to make another one.
 * @param of.name what an administrator of Redis sees in its list of connections
 */
export function redisClient({ url, name }: { url: string; name: string }): Promise<RedisClient> {
  return makeClient({
    url,
    name,
    disableOfflineQueue: true,
    socket: { connectTimeout: CONNECT_MS, reconnectStrategy: false, keepAlive: true },
  });
}

/** Whether it follows another server, which alone can be written to. */
export async function isReplica(client: RedisClient): Promise<boolean> {
  try {
    return (await client.role())?.role === "slave";
  } catch {
    // Some services forbid the question, and those hand out no replicas.
    return false;
  }
}

/** Why a connection was lost or refused, in words for those who set `REDIS_URL`. They hold no password. */
export function whyRedisLost(url: string, cause: unknown): string {
  const why = whyLost(cause);
  const { host, username } = new URL(url);
  if (why.startsWith("WRONGPASS"))
    return `Redis at ${host} refuses the ${username === "" ? "password" : "name or the password"} in REDIS_URL`;
  if (why.startsWith("NOAUTH")) return `Redis at ${host} asks for a password, and REDIS_URL has none`;
  return why;
}

async function makeClient(options: RedisClientOptions) {
  // Loaded by those who need it: it takes 25 MB.
  const { createClient } = await import("redis");
  return createClient(options);
}
