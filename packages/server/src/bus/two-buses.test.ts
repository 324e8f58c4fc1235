import { beforeEach, describe, expect, test } from "bun:test";
import type { BusMessage, NodeId, OpenBus } from "./bus.ts";
import { MemoryBus } from "./memory-bus.ts";
import { TwoBuses } from "./two-buses.ts";

/** A bus that may be away for one node. */
class Unsure implements OpenBus {
  works = true;
  carriesEvents = true;
  isClosed = false;
  sent = 0;
  readonly #bus: OpenBus;
  #restored: () => void = () => {};

  constructor(bus: OpenBus) {
    this.#bus = bus;
  }

  publish(message: BusMessage): void {
    this.sent += 1;
    if (this.works) this.#bus.publish(message);
  }

  subscribe(listener: Parameters<OpenBus["subscribe"]>[0]) {
    return this.#bus.subscribe((message, from) => this.works && listener(message, from));
  }

  onRestored(listener: () => void) {
    this.#restored = listener;
    return () => {
      this.#restored = () => {};
    };
  }

  restore(): void {
    this.#restored();
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

class Node {
  readonly heard: unknown[] = [];
  readonly main: Unsure;
  readonly standIn: Unsure;
  readonly bus: TwoBuses;
  allHearMain = true;
  hearsAll = true;

  constructor(node: NodeId, buses: { main: MemoryBus; standIn: MemoryBus }) {
    this.main = new Unsure(buses.main.open(node));
    this.standIn = new Unsure(buses.standIn.open(node));
    this.standIn.carriesEvents = false;
    const [allHearMain, hearsAll] = [() => this.allHearMain, () => this.hearsAll];
    this.bus = new TwoBuses({ main: this.main, standIn: this.standIn, allHearMain, hearsAll });
    this.bus.subscribe((message) => this.heard.push(message.channel === "live" ? message.data : message.upTo));
  }

  async say(...words: unknown[]): Promise<void> {
    for (const data of words) this.bus.publish({ channel: "live", data });
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

let [a, b]: Node[] = [];
beforeEach(() => {
  const buses = { main: new MemoryBus(), standIn: new MemoryBus() };
  [a, b] = [new Node("a".repeat(16), buses), new Node("b".repeat(16), buses)];
});

describe("two buses", () => {
  test("BUS-11: the second one is not used while the first one works for everybody", async () => {
    await a?.say("x");
    expect([b?.heard, a?.standIn.sent, a?.bus.works, a?.bus.carriesEvents]).toEqual([["x"], 0, true, true]);
  });

  test("BUS-11: while another node lacks the first one, both are used, and what comes twice is handed on once", async () => {
    if (!a || !b) throw new Error("nodes");
    a.allHearMain = false;
    const second: unknown[] = [];
    const stop = b.bus.subscribe((message) => second.push(message));
    await a.say("x", "x", { n: 1 });
    expect(b.heard).toEqual(["x", "x", { n: 1 }]);
    expect(second).toHaveLength(3);
    stop();
    b.main.works = false;
    await a.say("y");
    expect([b.heard.at(-1), b.heard.length, second.length]).toEqual(["y", 4, 3]);
    expect(b.bus.works).toBe(false);
  });

  test("BUS-11: a node that lacks the first one is heard by the second one, and hears itself nowhere", async () => {
    if (!a || !b) throw new Error("nodes");
    a.main.works = false;
    await a.say("x");
    a.bus.publish({ channel: "log", events: [], upTo: 7 });
    await a.say();
    expect([b.heard, a.heard]).toEqual([["x", 7], []]);
  });

  test("BUS-11: a node to which the first one does not bring everything counts as without it", async () => {
    if (!a || !b) throw new Error("nodes");
    a.hearsAll = false;
    await a.say("x");
    expect([a.bus.works, a.standIn.sent, b.heard]).toEqual([false, 1, ["x"]]);
  });

  test("BUS-11: numbers of different nodes are not taken for each other's, and those of long ago are forgotten", async () => {
    if (!a || !b) throw new Error("nodes");
    for (const node of [a, b]) node.allHearMain = false;
    await a.say("from a");
    await b.say("from b");
    expect([a.heard, b.heard]).toEqual([["from b"], ["from a"]]);
    await a.say(...Array.from({ length: 10_001 }, (_, n) => n));
    expect(b.heard).toHaveLength(10_002);
  });

  test("BUS-11: says when either begins to work, and closes both", async () => {
    if (!a) throw new Error("nodes");
    let restored = 0;
    const stop = a.bus.onRestored(() => restored++);
    a.main.restore();
    a.standIn.restore();
    stop();
    a.main.restore();
    expect(restored).toBe(2);
    await a.bus.close();
    expect([a.main.isClosed, a.standIn.isClosed]).toEqual([true, true]);
  });
});
