import type { TestServer } from "./harness.ts";

/**
 * Uses up what this machine's address may ask one node for without a token (500 requests at once after a pause), and then asks another one.
 * @returns how often that one refused, of 450 times: by itself it would not
 */
export async function refusalsElsewhere(a: TestServer, b: TestServer): Promise<number> {
  const statusOf = async (server: TestServer) => (await server.api.call("GET", "/me")).status;
  const usedUp = Promise.withResolvers<void>();
  const burst = Array.from({ length: 900 }, async () => {
    if ((await statusOf(a)) === 429) usedUp.resolve();
  });
  await usedUp.promise;
  let refused = 0;
  for (let round = 0; round < 9 && refused === 0; round++) {
    const statuses = await Promise.all(Array.from({ length: 50 }, () => statusOf(b)));
    refused += statuses.filter((status) => status === 429).length;
  }
  await Promise.all(burst);
  return refused;
}
