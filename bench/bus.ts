import type { LiveMessage, LogMessage, NodeId, OpenBus } from "../packages/server/src/bus/bus.ts";
import { newNodeId } from "../packages/server/src/bus/bus.ts";
import { MemoryBus } from "../packages/server/src/bus/memory-bus.ts";
import { openPostgresBus } from "../packages/server/src/bus/postgres-bus.ts";
import { openRedisBus } from "../packages/server/src/bus/redis-bus.ts";
import { delay, nextTurn } from "../packages/server/src/lib/interval.ts";
import { createLogger } from "../packages/server/src/ops/logger.ts";
import { hasPostgres, PostgresServer } from "../packages/server/test/postgres-server.ts";
import { hasRedis, RedisServer } from "../packages/server/test/redis-server.ts";
import type { Benchmark, BenchOptions } from "./benchmark.ts";
import { cpuNanoseconds } from "./cpu-time.ts";
import { machine, ratio, shown, table } from "./report.ts";
import { takeTurns } from "./rounds.ts";

/**
 * What it costs that nodes hear of each other: two nodes in one process, of which one publishes and the other hears. The processor time of both together, and that of the
 * service in between, for each message; how many a second; and how long one takes when there are few. The reference is the bus in memory, which only makes copies.
 */
export const bus: Benchmark = {
  name: "bus",
  about: "messages between two nodes by PostgreSQL and by Redis, beside those in memory",
  run: runBus,
};

const MESSAGES = 5000;
const IN_FLIGHT = 256;
/** Messages of which each is sent alone, and the pause between two. */
const ALONE = 300;
const PAUSE_MS = 3;

type Sample = { perSecond: number; node: number; service: number; p50: number; p99: number };

interface Subject {
  readonly open: (node: NodeId) => OpenBus;
  readonly pids: () => readonly number[];
}

const logger = createLogger({ level: "silent", sink: { write: () => {} } });

async function runBus({ rounds, only }: BenchOptions): Promise<void> {
  const [postgres, redis] = [
    hasPostgres ? await PostgresServer.start() : undefined,
    hasRedis ? await RedisServer.start() : undefined,
  ];
  try {
    const memory = new MemoryBus();
    const subjects: Record<string, Subject> = {
      memory: { open: (node) => memory.open(node), pids: () => [] },
      ...(postgres && {
        NOTIFY: {
          open: (node: NodeId) => openPostgresBus({ node, url: postgres.url(), logger }),
          pids: () => postgres.pids,
        },
      }),
      ...(redis && {
        Redis: {
          open: (node: NodeId) => openRedisBus({ node, url: redis.url(), installation: "bench", logger }),
          pids: () => redis.pids,
        },
      }),
    };
    console.log(machine());
    for (const [part, message] of Object.entries(PARTS)) {
      if (only !== undefined && only !== part) continue;
      await runPart(part, message, { subjects, rounds });
    }
  } finally {
    await Promise.all([postgres?.stop(), redis?.stop()]);
  }
}

/** A frame about presence or typing; a batch of ten messages that people wrote. */
const PARTS: Readonly<Record<string, (n: number) => LiveMessage | LogMessage>> = {
  frames: (n) => ({
    channel: "live",
    data: { n, type: 105, stream: "room:1234", data: { roomId: 1234, uid: 20_001 } },
  }),
  batches: (n) => ({
    channel: "log",
    upTo: 10 * n + 10,
    events: Array.from({ length: 10 }, (_, at) => eventAt(10 * n + at + 1)),
  }),
};

const TEXT = "Does anybody know whether the meeting has been put off? Nobody is here yet.";

function eventAt(pos: number) {
  const message = {
    id: pos,
    roomId: 1234,
    sendTime: 1_700_000_000_000,
    type: 1,
    body: { content: TEXT },
    seq: pos,
    no: pos,
  };
  const data = JSON.stringify({ fromUser: { uid: 20_001 }, message });
  const kinds = { messageId: pos, author: 20_001, storesData: false, cacheable: true };
  return { pos, stream: "room:1234", seq: pos, type: 4, data, at: 1_700_000_000_000, ...kinds };
}

async function runPart(
  part: string,
  message: (n: number) => LiveMessage | LogMessage,
  { subjects, rounds }: { subjects: Readonly<Record<string, Subject>>; rounds: number },
): Promise<void> {
  const pairs = await Promise.all(
    Object.entries(subjects).map(async ([name, subject]) => [name, await pairOf(subject)] as const),
  );
  const turns = Object.fromEntries(pairs.map(([name, pair]) => [name, () => pair.turn(message)]));
  const figures = await takeTurns(turns, rounds);
  for (const [, pair] of pairs) await pair.close();
  const reference = figures.memory;
  const rows = Object.entries(figures).map(([name, { perSecond, node, service, p50, p99 }]) => [
    name,
    shown(perSecond, 0),
    shown(node),
    reference ? ratio(node, reference.node) : "",
    shown(service),
    `${shown(p50)}, ${shown(p99)}`,
  ]);
  const head = ["bus", "a second", "µs of CPU, both nodes", "to memory", "µs of CPU, service", "ms alone: p50, p99"];
  console.log(`\n${part}\n\n${table(head, rows)}`);
}

async function pairOf({ open, pids }: Subject) {
  const [from, to] = [open(newNodeId()), open(newNodeId())];
  while (!from.works || !to.works) await delay(5);
  /** The numbers of the next message to publish and of the last one that was heard. */
  let next = 0;
  let last = -1;
  to.subscribe((message) => {
    last = message.channel === "log" ? message.upTo / 10 - 1 : (message.data as { n: number }).n;
  });
  const service = () => pids().reduce((sum, pid) => sum + cpuNanoseconds(pid), 0);

  const many = async (messages: readonly (LiveMessage | LogMessage)[]) => {
    const [begun, cpu, cpuOfService] = [performance.now(), cpuNanoseconds(process.pid), service()];
    for (const message of messages) {
      while (next - last > IN_FLIGHT) await nextTurn();
      from.publish(message);
      next += 1;
    }
    while (last < next - 1) await nextTurn();
    const seconds = (performance.now() - begun) / 1000;
    return {
      perSecond: messages.length / seconds,
      node: (cpuNanoseconds(process.pid) - cpu) / messages.length / 1000,
      service: (service() - cpuOfService) / messages.length / 1000,
    };
  };

  const alone = async (messages: readonly (LiveMessage | LogMessage)[]) => {
    const took: number[] = [];
    for (const message of messages) {
      const begun = performance.now();
      from.publish(message);
      while (last < next) await nextTurn();
      took.push(performance.now() - begun);
      next += 1;
      await delay(PAUSE_MS);
    }
    took.sort((a, b) => a - b);
    const at = (share: number) => took[Math.floor(took.length * share)] as number;
    return { p50: at(0.5), p99: at(0.99) };
  };

  return {
    turn: async (message: (n: number) => LiveMessage | LogMessage): Promise<Sample> => {
      // Made before anything is measured.
      const made = Array.from({ length: MESSAGES + ALONE }, (_, index) => message(next + index));
      return { ...(await many(made.slice(0, MESSAGES))), ...(await alone(made.slice(MESSAGES))) };
    },
    close: () => Promise.all([from.close(), to.close()]),
  };
}
