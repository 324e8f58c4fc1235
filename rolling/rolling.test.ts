/** What `npm run test:rolling` counts over 100 000 requests, over some thousands. */
import { describe, expect, test } from "bun:test";
import { hasPostgres } from "../packages/server/test/postgres-server.ts";
import { haproxy, nginx } from "../packages/server/test/reverse-proxy.ts";
import { haproxyFor, nginxFor } from "./balancers.ts";
import { run } from "./run.ts";

/** HAProxy needs two seconds to notice that a node fails its check, with examples/haproxy.cfg, and more on a slow machine. The delay is the server's default. */
const SETTINGS = { DRAIN_DELAY_SECONDS: "5", DRAIN_SECONDS: "1" };

describe.skipIf(!hasPostgres)("nodes that are restarted one after another", () => {
  for (const { kind, balancer } of [
    { kind: haproxy, balancer: haproxyFor },
    { kind: nginx, balancer: nginxFor },
  ]) {
    test.skipIf(!kind.program)(
      `DR-13: behind ${kind.name}, with examples/ as it is, no request fails, none is cut, and live readers get everything once and in order`,
      async () => {
        const options = { nodes: 2, requests: 2000, lines: 8, readers: 1, settings: SETTINGS };
        const { problems, restarts, returns, messages } = await run({ ...options, balancer });
        expect(problems).toEqual([]);
        expect(restarts.map(({ exitCode }) => exitCode).slice(0, 2)).toEqual([0, 0]);
        expect(returns).toBeGreaterThan(0);
        expect(messages).toBeGreaterThan(100);
      },
      240_000,
    );
  }
});
