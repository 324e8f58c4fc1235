import { hasRedis, hasValkey, RedisServer, sharedRedis } from "../../test/redis-server.ts";
import { passTimeInRedis } from "../../test/redis-time.ts";
import { StillTime } from "../../test/still-time.ts";
import { until } from "../../test/webhook-receiver.ts";
import { newNodeId } from "../bus/bus.ts";
import { createLogger } from "../ops/logger.ts";
import type { RateQuestion } from "../processes/messages.ts";
import { openRedisCounting } from "../redis/redis-counting.ts";
import { answerCount, countingTogether } from "../worker-rates.ts";
import { countingContract } from "./counted-together.contract.ts";
import type { Rates } from "./rates.ts";
import type { RateRow } from "./row.ts";
import { SharedRate } from "./shared-rate.ts";

const logger = createLogger({ level: "silent", sink: { write: () => {} } });

function inMemory(row: RateRow, onFull: () => void) {
  const time = new StillTime();
  const counted = new SharedRate(row, { enabled: true, onFull });
  return { counted, advance: async (ms: number) => time.advance(ms), end: () => time[Symbol.dispose]() };
}

countingContract({
  name: "in memory",
  scene: async (row, onFull) => {
    const { counted, ...scene } = inMemory(row, onFull);
    return { ...scene, node: async () => counted };
  },
});

countingContract({
  name: "by a supervisor",
  scene: async (row, onFull) => {
    const { counted, ...scene } = inMemory(row, onFull);
    const rates = { signIns: counted } as unknown as Rates;
    const ask = (question: unknown) => answerCount(rates, (question as { count: RateQuestion }).count);
    // That of the supervisor is told.
    const onFullOfWorker = () => {};
    return {
      ...scene,
      node: async () => countingTogether({ ask }).shared("signIns", { row, onFull: onFullOfWorker }),
    };
  },
});

function redisContract(name: string, isMissing: boolean, start: () => Promise<RedisServer>): void {
  countingContract({
    name,
    isMissing,
    scene: async (row, onFull) => {
      const url = (await start()).url();
      const installation = newNodeId();
      const opened: ReturnType<typeof openRedisCounting>[] = [];
      return {
        node: async () => {
          const counting = openRedisCounting({ url, installation, logger, patienceMs: 10_000 });
          opened.push(counting);
          await until("Redis counts", () => counting.works);
          return counting.together.shared("signIns", { row, onFull });
        },
        advance: (ms) => passTimeInRedis(url, { keys: `parley:${installation}:*`, ms }),
        end: () => {
          for (const counting of opened) counting.close();
        },
      };
    },
  });
}

redisContract("Redis", !hasRedis, sharedRedis);
redisContract("Valkey", !hasValkey, () => RedisServer.start({ program: "valkey-server" }));
