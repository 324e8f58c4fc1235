import type { Config } from "./config/config.ts";
import { openReader, placeOf } from "./db/open.ts";
import type { ReadGate } from "./db/read-gate.ts";
import type { Clock } from "./lib/clock.ts";
import type { Logger } from "./ops/logger.ts";
import type { SupervisorLink } from "./processes/supervisor-link.ts";
import { WorkerWrites } from "./processes/worker-writes.ts";
import { openReadSide } from "./read-side.ts";
import type { Storage } from "./storage.ts";
import { procedures } from "./writes.ts";

/** The storage of a worker: it reads the database itself, and its supervisor writes and tells it of each batch. */
export async function openWorkerStorage(
  link: SupervisorLink,
  { config, clock, logger, gate }: { config: Config; clock: Clock; logger: Logger; gate: ReadGate },
): Promise<Storage> {
  const reader = openReader(placeOf(config.data), { gate });
  const side = await openReadSide(reader, { config, clock, logger });
  const { db, announcer } = side;
  const stopHearing = link.bus.subscribe((message) => {
    if (message.channel !== "log") return;
    void handOn(async () => {
      await (message.events.length > 0 ? announcer.announce(message.events) : announcer.announceUpTo(message.upTo));
    });
  });
  const handOn = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      // They are found in the log later.
      logger.error({ err: error }, "committed events could not be announced yet");
    }
    link.tell({ announced: announcer.position });
  };
  // What was committed since the end of the log was read and before this process listened.
  await handOn(() => announcer.catchUpWithLog());
  const writes = new WorkerWrites(link, procedures, announcer);
  return {
    ...side,
    writes,
    waiting: () => ({ requests: 0, rows: 0 }),
    follow: () => announcer.catchUpWithLog(),
    onFault: (tell) => {
      writes.onFault = tell;
    },
    close: async () => {
      await writes.close();
      stopHearing();
      await db.destroy();
    },
  };
}
