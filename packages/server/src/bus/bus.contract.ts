import { describe, expect, test } from "bun:test";
import { HeldTimers } from "../../test/held-timers.ts";
import { until } from "../../test/webhook-receiver.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import type { BusMessage, LiveMessage, LogMessage, NodeId, OpenBus } from "./bus.ts";
import { newNodeId } from "./bus.ts";

/** The bus of one installation, apart from those of other tests. */
export interface BusScene {
  open(node: NodeId): OpenBus;
  /** Takes away what carries the bus, from one node or, without a node, from all. */
  takeAway?(node?: NodeId): void;
  bringBack?(): void;
}

/** One implementation, and what it promises beyond the interface, which promises little. */
export interface BusSubject {
  readonly name: string;
  /** Its service is not installed. */
  readonly isMissing?: boolean;
  /** What carries it can go away: the scene has `takeAway` and `bringBack`. */
  readonly canGoAway: boolean;
  /** What is published while it works arrives: all of it, in the order of its sender, once. */
  readonly isFaithful: boolean;
  /** Events travel with the message of their batch; if not, only their position does. */
  readonly carriesEvents: boolean;
  scene(): Promise<BusScene>;
}

export function eventAt(pos: number, data = `{"n":${pos}}`): LoggedEvent {
  const plain = { messageId: null, author: null, storesData: true, cacheable: true };
  return { ...plain, pos, seq: pos, stream: "room:1", type: 4, data, at: 1_700_000_000_000 };
}

export function batch(first: number, last: number): LogMessage {
  const events = Array.from({ length: last - first + 1 }, (_, index) => eventAt(first + index));
  return { channel: "log", events, upTo: last };
}

export function live(data: unknown): LiveMessage {
  return { channel: "live", data };
}

/** A node's bus and everything that it has heard. */
export class Ear {
  readonly node = newNodeId();
  readonly bus: OpenBus;
  readonly heard: { readonly message: BusMessage; readonly from: NodeId }[] = [];
  restored = 0;

  constructor(scene: BusScene) {
    this.bus = scene.open(this.node);
    this.bus.subscribe((message, from) => this.heard.push({ message, from }));
    this.bus.onRestored(() => {
      this.restored += 1;
    });
  }

  get live(): unknown[] {
    return this.heard.flatMap(({ message }) => (message.channel === "live" ? [message.data] : []));
  }

  get log(): LogMessage[] {
    return this.heard.flatMap(({ message }) => (message.channel === "log" ? [message] : []));
  }

  /** Publishes until another one has heard of it: then what was published before has arrived, or never will. */
  async flushTo(...ears: Ear[]): Promise<void> {
    const mark = `mark ${newNodeId()}`;
    await until("a mark arrives", () => {
      this.bus.publish(live(mark));
      return ears.every((ear) => ear.live.includes(mark));
    });
  }
}

export async function working(...ears: Ear[]): Promise<void> {
  await until("the bus works", () => ears.every(({ bus }) => bus.works));
}

/** The time that a bus has for what was published just before its end does not pass: the service may stand still for that long. */
async function closedInItsTime({ bus }: Ear): Promise<void> {
  using _ = new HeldTimers(500);
  await bus.close();
}

/** What every bus promises. `faults.test.ts` has what only those with a real service can show. */
export function busContract(subject: BusSubject): void {
  const suite = subject.isMissing ? describe.skip : describe;
  suite(`bus: ${subject.name}`, () => {
    /** The first one may have to start a service, on a machine that may be slow. */
    const on = (title: string, run: () => Promise<void>) => test(title, run, 30_000);
    const ears = async (count: number): Promise<{ scene: BusScene; ears: Ear[] }> => {
      const scene = await subject.scene();
      const ears = Array.from({ length: count }, () => new Ear(scene));
      await working(...ears);
      return { scene, ears };
    };
    const closed = (ears: readonly Ear[]) => Promise.all(ears.map(({ bus }) => bus.close()));

    on("BUS-1 what a node publishes reaches all others, under its id, and never the node itself", async () => {
      const { ears: all } = await ears(3);
      const [a, b, c] = all as [Ear, Ear, Ear];
      for (let n = 0; n < 20; n++) a.bus.publish(live({ n }));
      await a.flushTo(b, c);
      for (const ear of [b, c]) {
        expect(ear.live.length).toBeGreaterThan(0);
        expect(new Set(ear.heard.map(({ from }) => from))).toEqual(new Set([a.node]));
      }
      expect(a.heard).toEqual([]);
      await closed(all);
    });

    on(
      "BUS-1 nothing arrives that was not published, and a faithful bus brings all of it once and in order",
      async () => {
        const { ears: all } = await ears(3);
        const [a, b, c] = all as [Ear, Ear, Ear];
        for (let n = 0; n < 300; n++) for (const ear of [a, b]) ear.bus.publish(live({ by: ear.node, n }));
        await Promise.all([a.flushTo(c), b.flushTo(c)]);
        for (const { node } of [a, b]) {
          const numbers = (c.live as { by: string; n: number }[]).flatMap(({ by, n }) => (by === node ? [n] : []));
          if (subject.isFaithful) expect(numbers).toEqual(Array.from({ length: 300 }, (_, n) => n));
          else for (const n of numbers) expect(n >= 0 && n < 300).toBe(true);
          expect(numbers.length).toBeGreaterThan(50);
        }
        await closed(all);
      },
    );

    on("BUS-1 whatever JSON holds arrives as it was", async () => {
      const { ears: all } = await ears(2);
      const [a, b] = all as [Ear, Ear];
      const values: unknown[] = [
        null,
        0,
        -1.5e300,
        "",
        "\u0000 \u007f \u2028 ž 群 😀 \ud800 \\u0041 '\"",
        { "": [[[]]], __proto__x: { a: "\n" } },
        "long ž ".repeat(70_000),
      ];
      for (const value of values) {
        await until("it arrives", () => {
          a.bus.publish(live({ value }));
          return b.live.length > 0;
        });
        await a.flushTo(b);
        const arrived = b.live.filter((data) => typeof data === "object");
        for (const data of arrived) expect(data).toEqual({ value });
        b.heard.length = 0;
      }
      await closed(all);
    });

    on("BUS-2 batches arrive in the order of position, with their events or as positions", async () => {
      const { ears: all } = await ears(2);
      const [a, b] = all as [Ear, Ear];
      for (let first = 1; first <= 100; first += 10) a.bus.publish(batch(first, first + 9));
      await a.flushTo(b);
      for (const message of b.log) {
        if (message.events.length > 0) expect(message).toEqual(batch(message.upTo - 9, message.upTo));
        expect(message.events.length > 0).toBe(subject.carriesEvents);
      }
      expect(b.bus.carriesEvents).toBe(subject.carriesEvents);
      const positions = b.log.map(({ upTo }) => upTo);
      expect(positions.length).toBeGreaterThan(0);
      if (subject.isFaithful) {
        expect(positions).toEqual([...positions].sort((x, y) => x - y));
        expect(positions.at(-1)).toBe(100);
      }
      if (subject.isFaithful && subject.carriesEvents) expect(positions.length).toBe(10);
      await closed(all);
    });

    on("BUS-2 a batch that is too long arrives as a position", async () => {
      const { ears: all } = await ears(2);
      const [a, b] = all as [Ear, Ear];
      const upTo = 3;
      const events = [eventAt(1), eventAt(2), eventAt(3, JSON.stringify("x".repeat(300_000)))];
      await until("it arrives", () => {
        a.bus.publish({ channel: "log", events, upTo });
        return b.log.length > 0;
      });
      expect(b.log[0]).toEqual({ channel: "log", events: subject.name.startsWith("memory") ? events : [], upTo });
      await closed(all);
    });

    on("BUS-3 publish never throws, whatever it is given", async () => {
      const { ears: all } = await ears(2);
      const [a, b] = all as [Ear, Ear];
      const circle: { self?: unknown } = {};
      circle.self = circle;
      for (const data of [circle, 1n, undefined, () => {}, "x".repeat(5_000_000)]) a.bus.publish(live(data));
      await a.flushTo(b);
      expect(a.bus.works).toBe(true);
      await closed(all);
    });

    on("BUS-3 publish does not wait: much is published in one turn, and the rest of the process goes on", async () => {
      const { ears: all } = await ears(2);
      const [a, b] = all as [Ear, Ear];
      const text = "x".repeat(1000);
      for (let n = 0; n < 20_000; n++) a.bus.publish(live({ n, text }));
      await a.flushTo(b);
      expect(b.live.length).toBeGreaterThan(1000);
      await closed(all);
    });

    on("BUS-1 a listener that has stopped hears nothing more", async () => {
      const { ears: all } = await ears(2);
      const [a, b] = all as [Ear, Ear];
      const heard: unknown[] = [];
      const stop = b.bus.subscribe((message) => heard.push(message));
      await a.flushTo(b);
      expect(heard.length).toBeGreaterThan(0);
      stop();
      heard.length = 0;
      await a.flushTo(b);
      expect(heard).toEqual([]);
      await closed(all);
    });

    on("BUS-4 after its end a bus sends nothing, hands on nothing and does not work; the others go on", async () => {
      const { ears: all } = await ears(3);
      const [a, b, c] = all as [Ear, Ear, Ear];
      await a.flushTo(b, c);
      await b.bus.close();
      await b.bus.close();
      b.heard.length = 0;
      b.bus.publish(live("too late"));
      b.bus.publish(batch(1, 1));
      await a.flushTo(c);
      expect([b.bus.works, b.heard.length]).toEqual([false, 0]);
      expect(c.live).not.toContain("too late");
      expect(c.log).toEqual([]);
      await closed(all);
    });

    if (subject.isFaithful) {
      on("BUS-4 what was published just before the end is still sent", async () => {
        const { ears: all } = await ears(2);
        const [a, b] = all as [Ear, Ear];
        for (let n = 0; n < 100; n++) a.bus.publish(live(n));
        await closedInItsTime(a);
        await until("all of it arrives", () => b.live.length === 100);
        await closed(all);
      });
    }

    on("BUS-5 a node that opens while the others work is told when it works, and hears them", async () => {
      const { scene, ears: all } = await ears(1);
      const late = new Ear(scene);
      const workedFromTheStart = late.bus.works;
      await working(late);
      expect(late.restored).toBe(workedFromTheStart ? 0 : 1);
      await (all[0] as Ear).flushTo(late);
      await closed([...all, late]);
    });

    if (!subject.canGoAway) return;

    on(
      "BUS-5 while what carries it is away nothing throws, and everybody knows that it does not work; when it is back, everybody is told, and nothing old arrives",
      async () => {
        const { scene, ears: all } = await ears(2);
        const [a, b] = all as [Ear, Ear];
        await a.flushTo(b);
        const restored = all.map((ear) => ear.restored);
        scene.takeAway?.();
        await until("it does not work", () => all.every(({ bus }) => !bus.works));
        b.heard.length = 0;
        for (let n = 1; n <= 500; n++) {
          a.bus.publish(live("old"));
          a.bus.publish(batch(n, n));
        }
        expect(all.map((ear) => ear.restored)).toEqual(restored);
        scene.bringBack?.();
        await working(...all);
        expect(all.map((ear) => ear.restored)).toEqual(restored.map((times) => times + 1));
        await a.flushTo(b);
        expect(b.live).not.toContain("old");
        expect(b.log.flatMap(({ events }) => events)).toEqual([]);
        await closed(all);
      },
    );

    if (!subject.isFaithful) return;

    on(
      "BUS-5 when a node is back that was cut off alone, the others hear how far it wrote in the meantime",
      async () => {
        const { scene, ears: all } = await ears(2);
        const [a, b] = all as [Ear, Ear];
        scene.takeAway?.(a.node);
        await until("its bus does not work", () => !a.bus.works);
        for (let n = 1; n <= 500; n++) a.bus.publish(batch(n, n));
        expect([b.bus.works, b.log]).toEqual([true, []]);
        scene.bringBack?.();
        await until("the others hear of it", () => b.log.length > 0);
        expect(b.log).toEqual([{ channel: "log", events: [], upTo: 500 }]);
        await closed(all);
      },
    );
  });
}
