import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { until } from "./postgres-rig.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { ServerProcess } from "./server-process.ts";
import { SseReader } from "./sse-reader.ts";
import { TABLES } from "./test-database.ts";

/** More than a return at once, and less than the start of another process takes. */
const AT_ONCE_MS = 100;
const RESTART_MS = 3000;

/** Nodes tell each other that they begin and end; on a slow machine it takes a moment until they know. */
async function untilKnows(node: ServerProcess, nodes: number): Promise<void> {
  await until(`there are ${nodes} nodes`, async () => {
    const page = await (await fetch(`${node.url}/metrics`)).text();
    return page.includes(`\nparley_nodes ${nodes}\n`);
  });
}

test.skipIf(!hasPostgres)(
  "DR-4: a WebSocket of a node that stops comes back at once, if another node serves, and an event stream later",
  async () => {
    const url = await (await sharedPostgres()).freshDatabase(TABLES);
    const nodes = [1, 2].map(() => new ServerProcess({ DATABASE_URL: url }));
    const [one, two] = nodes as [ServerProcess, ServerProcess];
    await one.start();
    await two.start();
    await untilKnows(one, 2);
    const ann = await signUp(one.url, "ann");
    const waits = async (node: ServerProcess) => {
      const socket = await LiveClient.open(node.url, { token: ann.token });
      await socket.frame(Push.RED_DOT);
      const stream = await SseReader.open(node.url, ann.token);
      await stream.frame(Push.RED_DOT);
      node.terminate();
      const told = await Promise.all([socket, stream].map((reader) => reader.frame(Push.DRAIN)));
      expect(await node.exited()).toBe(0);
      return told.map(({ data }) => data.retryAfterMs as number);
    };
    const [socketMs, streamMs] = (await waits(one)) as [number, number];
    expect(socketMs).toBeLessThan(AT_ONCE_MS);
    expect(streamMs).toBeGreaterThanOrEqual(RESTART_MS);
    // Nobody is left for those of the last one.
    await untilKnows(two, 1);
    for (const ms of await waits(two)) expect(ms).toBeGreaterThanOrEqual(RESTART_MS);
    for (const node of nodes) await node.remove();
  },
  60_000,
);
