/** A process that serves connections beside others: a server whose supervisor owns the database's writer. */
import { numbersHere } from "./admin/node-here.ts";
import type { Config } from "./config/config.ts";
import { ReadGate } from "./db/read-gate.ts";
import { withDeadline } from "./lib/interval.ts";
import { oneOfSeveral } from "./one-of-several.ts";
import { flushed, type Logger } from "./ops/logger.ts";
import { SupervisorLink } from "./processes/supervisor-link.ts";
import { Server } from "./server.ts";
import { countingTogether } from "./worker-rates.ts";

/** What a worker may take to write its last lines, once its supervisor is gone. */
const LAST_LINES_MS = 500;
/** What it may take to tell its clients to come back, once another process has to take its place. */
const OUTDATED_STOP_MS = 5000;
/** Of all workers together, at a stop. */
const CLOSES_PER_SECOND = 500;
const TAIL_BYTES_MIN = 1 << 20;

/** Resolves with the exit code, after the supervisor has asked it to stop. */
export async function runWorker(
  socketPath: string,
  { config, logger }: { config: Config; logger: Logger },
): Promise<number> {
  let isDone = false;
  const link = await SupervisorLink.connect({
    path: socketPath,
    onLost: () => {
      if (isDone) return;
      logger.fatal("the supervisor is gone, ending");
      void withDeadline(flushed(logger), LAST_LINES_MS, "late")
        .catch(() => {})
        .then(() => process.exit(1));
    },
  });
  const { workers } = link.welcome;
  const gate = new ReadGate();
  const end = (why: string) => {
    logger.fatal({ why }, "this process's view of the log is outdated, ending");
    void withDeadline(server.stop({ atOnce: true }), OUTDATED_STOP_MS, "late")
      .catch(() => {})
      .then(() => flushed(logger))
      .then(() => process.exit(1));
  };
  // PostgreSQL is written by each process itself.
  const writes = config.data.databaseUrl !== undefined;
  const server = new Server(configOfWorker(config, link), {
    logger,
    ...(writes ? { onOtherLog: end } : { place: link.place }),
    several: oneOfSeveral(link, { together: countingTogether(link), gate, writes }),
    closesPerSecond: CLOSES_PER_SECOND / workers,
  });
  const stopped = Promise.withResolvers<void>();
  link.answerBy(
    async (question) => {
      if ("stop" in question) {
        await server.stop({ atOnce: question.stop === "at once" }).finally(() => stopped.resolve());
        return true;
      }
      if ("metrics" in question) return server.metrics.report();
      if ("numbers" in question && server.context) return numbersHere(server.context);
      if ("holdReads" in question) return gate.hold(question.holdReads);
      throw new Error("not answered yet");
    },
    () => gate.release(),
  );
  await server.start();
  link.tell({ ready: true });
  await stopped.promise.catch(() => {});
  isDone = true;
  link.close();
  await flushed(logger);
  return 0;
}

function configOfWorker(config: Config, { welcome }: SupervisorLink): Config {
  const { port, wsPort, workers } = welcome;
  const tailBytes = Math.max(TAIL_BYTES_MIN, Math.floor(config.tailBytes / workers));
  return { ...config, listen: { ...config.listen, port, wsPort }, tailBytes };
}
