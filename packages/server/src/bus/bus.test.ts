import { FaultyBus } from "../../test/faulty-bus.ts";
import { Line } from "../../test/line.ts";
import { hasPostgres, sharedPostgres } from "../../test/postgres-server.ts";
import { hasRedis, hasValkey, RedisServer, sharedRedis } from "../../test/redis-server.ts";
import { createLogger } from "../ops/logger.ts";
import { type BusScene, busContract } from "./bus.contract.ts";
import { type NodeId, newNodeId, type OpenBus } from "./bus.ts";
import { MemoryBus } from "./memory-bus.ts";
import { openPostgresBus } from "./postgres-bus.ts";
import { openRedisBus } from "./redis-bus.ts";

const logger = createLogger({ level: "silent", sink: { write: () => {} } });

busContract({
  name: "memory",
  canGoAway: false,
  isFaithful: true,
  carriesEvents: true,
  scene: async () => {
    const bus = new MemoryBus();
    return { open: (node) => bus.open(node) };
  },
});

busContract({
  name: "memory, with losses",
  canGoAway: true,
  isFaithful: false,
  carriesEvents: true,
  scene: async () => {
    const bus = new MemoryBus();
    const opened: FaultyBus[] = [];
    return {
      open: (node) => {
        const faulty = new FaultyBus(bus.open(node));
        opened.push(faulty);
        return faulty;
      },
      takeAway: () => {
        for (const faulty of opened) faulty.cut();
      },
      bringBack: () => {
        for (const faulty of opened) faulty.heal();
      },
    };
  },
});

/** What carries the bus goes away and comes back with the line that each node has to it; `service-faults.test.ts` kills it. */
function byLines(servicePort: number, openAt: (port: number, node: NodeId) => OpenBus): BusScene {
  const lines = new Map<NodeId, Line>();
  return {
    open: (node) => {
      const line = new Line(servicePort);
      lines.set(node, line);
      return openAt(line.port, node);
    },
    takeAway: (only) => {
      for (const [node, line] of lines) if (only === undefined || node === only) line.cut();
    },
    bringBack: () => {
      for (const line of lines.values()) line.heal();
    },
  };
}

busContract({
  name: "PostgreSQL NOTIFY",
  isMissing: !hasPostgres,
  canGoAway: true,
  isFaithful: true,
  carriesEvents: false,
  scene: async () => {
    const server = await sharedPostgres();
    const url = new URL(await server.freshDatabase());
    return byLines(server.port, (port, node) => {
      url.port = String(port);
      return openPostgresBus({ node, url: url.href, logger });
    });
  },
});

function redisContract(name: string, isMissing: boolean, start: () => Promise<RedisServer>): void {
  busContract({
    name,
    isMissing,
    canGoAway: true,
    isFaithful: true,
    carriesEvents: true,
    scene: async () => {
      const server = await start();
      const installation = newNodeId();
      return byLines(server.port, (port, node) => openRedisBus({ node, url: server.url(port), installation, logger }));
    },
  });
}

redisContract("Redis", !hasRedis, sharedRedis);
redisContract("Valkey", !hasValkey, () => RedisServer.start({ program: "valkey-server" }));
