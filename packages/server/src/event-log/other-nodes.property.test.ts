import { expect, test } from "bun:test";
import fc from "fast-check";
import { FaultyBus } from "../../test/faulty-bus.ts";
import { openLog } from "../../test/log-rig.ts";
import { seeded } from "../../test/seeded.ts";
import { until } from "../../test/webhook-receiver.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import { delay, nextTurn } from "../lib/interval.ts";
import { createLogger } from "../ops/logger.ts";
import { Announcer } from "./announce.ts";
import { OtherNodes } from "./other-nodes.ts";

const logger = createLogger({ level: "silent", sink: { write: () => {} } });

/** Three nodes write to one log in turn and tell each other of it over a bus at its worst, which is cut now and then. */
async function run(seed: number): Promise<void> {
  const random = seeded(seed);
  const rig = await openLog({ announcing: false });
  const shared = new MemoryBus();
  const nodes = ["a", "b", "c"].map((name) => {
    const bus = new FaultyBus(shared.open(name));
    const heard: { pos: number; data: string }[] = [];
    const announcer = new Announcer(
      {
        reader: rig.reader,
        eventDataOf: async () => new Map(),
        position: 0,
        othersTell: () => bus.works && random() < 0.8,
      },
      ({ pos, data }) => heard.push({ pos, data }),
    );
    const stop = new OtherNodes({
      announcer,
      look: () => announcer.catchUpWithLog(),
      mayHandOn: () => true,
      bus,
      hasReaders: () => true,
      logger,
    }).start();
    return { bus, heard, announcer, stop };
  });
  const announcing: Promise<void>[] = [];
  try {
    for (let step = 0; step < 60; step++) {
      const node = nodes[Math.floor(random() * nodes.length)] as (typeof nodes)[number];
      const kind = random();
      if (kind < 0.1) node.bus.cut();
      else if (kind < 0.25) node.bus.heal();
      else if (kind < 0.35) await delay(random() * 60);
      else {
        const count = 1 + Math.floor(random() ** 3 * 120);
        await rig.append(...Array.from({ length: count }, (_, n) => ({ stream: "room:1", data: { step, n } })));
        const events = rig.scratch.events.slice(-count);
        const upTo = events.at(-1)?.pos ?? 0;
        announcing.push(Promise.resolve(node.announcer.announce(events)));
        // A service that carries positions only, or a batch that is too long.
        node.bus.publish({ channel: "log", events: random() < 0.2 ? [] : events, upTo });
      }
      if (random() < 0.5) await nextTurn();
    }
    await Promise.all(announcing);
    for (const { bus } of nodes) bus.heal();
    const committed = rig.scratch.events.map(({ pos, data }) => ({ pos, data }));
    for (const { heard } of nodes) {
      await until(`everything is handed on, seed ${seed}`, () => heard.length >= committed.length);
      expect(heard).toEqual(committed);
    }
  } finally {
    for (const { stop } of nodes) stop();
    await rig.close();
  }
}

test(
  "BUS-9, LOG-4 whatever is lost, repeated and reordered between nodes that write in turn, each of them hands on every event once, in order",
  () => fc.assert(fc.asyncProperty(fc.nat(), run), { numRuns: 15 }),
  60_000,
);
