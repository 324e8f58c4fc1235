import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../test/webhook-receiver.ts";
import { busContract, Ear, live, working } from "../bus/bus.contract.ts";
import { type BusListener, type BusMessage, type NodeId, newNodeId, type OpenBus } from "../bus/bus.ts";
import { SupervisorLink } from "./supervisor-link.ts";
import { WorkerLines } from "./worker-lines.ts";

const folder = mkdtempSync(join(tmpdir(), "parley-"));
const opened: WorkerLines[] = [];
afterAll(() => {
  for (const lines of opened) lines.close();
  rmSync(folder, { recursive: true });
});

/** A worker's end of the bus from the moment at which it begins to connect. */
class Connecting implements OpenBus {
  readonly carriesEvents = true;
  readonly #listeners = new Set<BusListener>();
  readonly #restored = new Set<() => void>();
  #link: SupervisorLink | undefined;
  #isClosed = false;

  constructor(path: string, node: NodeId) {
    void SupervisorLink.connect({ path, node, onLost: () => {} }).then((link) => {
      if (this.#isClosed) return link.close();
      this.#link = link;
      link.bus.subscribe((message, from) => {
        for (const listener of [...this.#listeners]) listener(message, from);
      });
      for (const listener of this.#restored) listener();
    });
  }

  get works(): boolean {
    return this.#link?.bus.works ?? false;
  }

  publish(message: BusMessage): void {
    this.#link?.bus.publish(message);
  }

  subscribe(listener: BusListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onRestored(listener: () => void): () => void {
    this.#restored.add(listener);
    return () => void this.#restored.delete(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
    await this.#link?.bus.close();
    this.#link?.close();
  }
}

function scene() {
  const path = join(folder, `${newNodeId()}.sock`);
  const lines = new WorkerLines({
    node: newNodeId(),
    answer: async () => null,
    isOurs: () => true,
    onHello: (line) => line.tell({ welcome: { port: 1, wsPort: undefined, workers: 2 } }),
    onReady: () => {},
    onClosed: () => {},
    onFrozen: () => {},
  });
  lines.listen(path);
  opened.push(lines);
  return { lines, open: (node: NodeId) => new Connecting(path, node) };
}

// Its batches travel whole up to 4 MB, which the suite knows of buses in memory.
busContract({
  name: "memory of one machine, by a Unix socket",
  canGoAway: false,
  isFaithful: true,
  carriesEvents: true,
  scene: async () => scene(),
});

test("BUS-2 a batch of more than 4 MB arrives as a position", async () => {
  const { open } = scene();
  const [a, b] = [new Ear({ open }), new Ear({ open })];
  await working(a, b);
  const event = {
    messageId: null,
    author: null,
    storesData: true,
    cacheable: true,
    seq: 1,
    stream: "room:1",
    type: 4,
    at: 1,
  };
  const events = [1, 2, 3].map((pos) => ({ ...event, pos, data: JSON.stringify("x".repeat(1_500_000)) }));
  a.bus.publish({ channel: "log", events, upTo: 3 });
  await a.flushTo(b);
  expect(b.log).toEqual([{ channel: "log", events: [], upTo: 3 }]);
  await Promise.all([a.bus.close(), b.bus.close()]);
});

test("PROC-1: each process is told who is there, and of the end of a socket as of a death", async () => {
  const { lines } = scene();
  const path = join(folder, "alive.sock");
  lines.listen(path);
  const up: string[] = [];
  const a = await SupervisorLink.connect({ path, onLost: () => {} });
  a.place.liveness.onUp((node) => up.push(node));
  const b = await SupervisorLink.connect({ path, onLost: () => {} });
  const ears = [a, b].map(({ bus }) => {
    const heard: unknown[] = [];
    bus.subscribe((message) => heard.push(message));
    return heard;
  });
  b.bus.publish(live("hello"));
  await until("the greeting", () => ears[0]?.length !== 0);
  expect(a.place.liveness.isAlive(b.bus.node)).toBe(true);
  expect(a.place.liveness.isAlive(lines.place.self)).toBe(true);
  expect(a.place.liveness.isAlive(a.bus.node)).toBe(false);
  expect(up).toContain(b.bus.node);
  expect([...lines.place.liveness.others()].toSorted()).toEqual([a.bus.node, b.bus.node].toSorted());
  b.close();
  await until("the end of the other one", () => !a.place.liveness.isAlive(b.bus.node));
  expect([...lines.place.liveness.others()]).toEqual([a.bus.node]);
  a.close();
});
