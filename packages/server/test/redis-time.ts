import { createClient } from "redis";

/** Lets time pass for keys in Redis that end: each ends so much earlier, or at once. */
export async function passTimeInRedis(url: string, { keys, ms }: { keys: string; ms: number }): Promise<void> {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  for (const key of await client.keys(keys)) {
    const left = await client.pTTL(key);
    if (left > ms) await client.pExpire(key, left - ms);
    else await client.del(key);
  }
  client.destroy();
}
