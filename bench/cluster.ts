import { hasRedis, RedisServer } from "../packages/server/test/redis-server.ts";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { familyNanoseconds } from "./cpu-time.ts";
import { measureReaders, type ReadersWish } from "./rooms-of-readers.ts";

/**
 * What it costs that the readers of a room are on two nodes instead of one, all on this machine and on one PostgreSQL database: by NOTIFY, by Redis, and with two processes that
 * share a port. The node that is asked pays what sending to the others costs, and the other node what hearing of it costs; `bus` measures the
 * two without anything else. Delays from one node to the other are from when the 201 was there.
 */
export const cluster: Benchmark = {
  name: "cluster",
  about:
    "one node beside two on PostgreSQL, by NOTIFY and by Redis, and PROCESSES=2: deliveries to 2 000 readers, and sends",
  run: runCluster,
};

async function runCluster(options: BenchOptions): Promise<void> {
  const redis = hasRedis ? await RedisServer.start({ forRun: true }) : undefined;
  try {
    const subjects: Record<string, ReadersWish> = {
      "one node": { kind: "PostgreSQL" },
      "two nodes, NOTIFY": { kind: "PostgreSQL, two nodes" },
      ...(redis && {
        "two nodes, Redis": {
          kind: "PostgreSQL, two nodes",
          settings: { REDIS_URL: redis.url() },
          serviceNanoseconds: () => familyNanoseconds(redis.pids[0] as number),
        },
      }),
      "2 processes, NOTIFY": { kind: "PostgreSQL", settings: { PROCESSES: "2" } },
    };
    await measureReaders("cluster", subjects, options);
  } finally {
    await redis?.stop();
  }
}
