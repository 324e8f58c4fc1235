import { afterEach, expect, test } from "bun:test";
import { HeldTimers } from "../../test/held-timers.ts";
import { StillTime } from "../../test/still-time.ts";
import { until } from "../../test/webhook-receiver.ts";
import { delay, nextTurn } from "../lib/interval.ts";
import { createLogger } from "../ops/logger.ts";
import { batch, live } from "./bus.contract.ts";
import type { BusFrame } from "./bus-frame.ts";
import type { BusLine, LineEvents } from "./bus-line.ts";
import { NetworkBus } from "./network-bus.ts";

const NODE = "00000000000000aa";

/** A line by hand: what is sent comes back only if the test says so. */
class HandLine implements BusLine {
  readonly events: LineEvents;
  readonly sent: BusFrame[] = [];
  sendings = 0;
  readonly opened = Promise.withResolvers<void>();
  echoes = true;
  isClosed = false;
  /** What a call of `send` waits for. */
  accepted: Promise<void> = Promise.resolve();

  constructor(events: LineEvents) {
    this.events = events;
  }

  open(): Promise<void> {
    return this.opened.promise;
  }

  async send(frames: readonly BusFrame[]): Promise<void> {
    this.sent.push(...frames);
    this.sendings += 1;
    await this.accepted;
    if (this.echoes) for (const frame of frames) this.events.heard(frame);
  }

  close(): void {
    this.isClosed = true;
  }

  get live(): unknown[] {
    const bodies = this.sent.map(({ text }) => text.replace(/^\S+ \d+ /, "")).filter((body) => body !== "");
    return bodies.map((body) => JSON.parse(body));
  }
}

let bus: NetworkBus;
afterEach(() => bus.close());

function opened({ gatherMs = 0, isStandIn = false, uptime = () => performance.now() } = {}) {
  const lines: HandLine[] = [];
  const log: string[] = [];
  /** Whether it worked each time its loss was told. */
  const lost: boolean[] = [];
  bus = new NetworkBus({
    node: NODE,
    service: "a service",
    logger: createLogger({ level: "trace", sink: { write: (line) => void log.push(line) } }),
    withEvents: true,
    gatherMs,
    isStandIn,
    uptime,
    onLost: () => void lost.push(bus.works),
    newLine: (events) => {
      const line = new HandLine(events);
      lines.push(line);
      return line;
    },
  });
  const line = async (index: number): Promise<HandLine> => {
    await until("there is a line", () => lines.length > index);
    return lines[index] as HandLine;
  };
  return { lines, line, log, lost };
}

async function works(): Promise<void> {
  await until("it works", () => bus.works);
}

test("BUS-5 open connections do not count as working, what comes back does", async () => {
  const { line } = opened();
  const first = await line(0);
  first.echoes = false;
  first.opened.resolve();
  await until("it sends", () => first.sent.length > 0);
  await delay(20);
  expect([bus.works, bus.problem]).toEqual([false, "a service has not answered yet"]);
  for (const frame of first.sent) first.events.heard(frame);
  expect([bus.works, bus.problem]).toEqual([true, undefined]);
});

test("BUS-5 when nothing comes back for three looks, the line is replaced, whatever others write under this node's name", async () => {
  using looks = new HeldTimers(1000);
  const { line, log } = opened();
  const first = await line(0);
  first.opened.resolve();
  await works();
  first.echoes = false;
  first.events.heard({ channel: "live", text: `${NODE} 99999 ` });
  // The second look sends a pulse, the third one notes that it was sent, and three more find that it has not come back.
  for (let look = 1; look <= 6; look++) {
    expect([look, first.isClosed]).toEqual([look, false]);
    looks.run(1000);
    await nextTurn();
  }
  const second = await line(1);
  expect([first.isClosed, bus.works, bus.problem]).toEqual([true, false, "nothing that was sent came back"]);
  expect(log.filter((line) => line.includes("the bus does not work"))).toHaveLength(1);
  second.opened.resolve();
  await works();
});

test("BUS-5 a line that is slow to open is given up after 5 s, and what it does later does not count", async () => {
  using timers = new HeldTimers(5000);
  const { line } = opened();
  const first = await line(0);
  expect(timers.waiting).toEqual([5000]);
  timers.run();
  const second = await line(1);
  expect([first.isClosed, bus.problem]).toEqual([true, "no answer"]);
  first.opened.resolve();
  await delay(20);
  expect([bus.works, first.sent]).toEqual([false, []]);
  second.opened.resolve();
  await works();
});

test("BUS-5 an outage is said once, whatever each try fails with, and again after a minute if the reason is another one", async () => {
  let nowMs = 1000;
  const { line, log } = opened({ uptime: () => nowMs });
  const said = () =>
    log.map((line) => JSON.parse(line)).map(({ level, problem, msg }) => [level, problem ?? msg.slice(0, 13)]);
  const first = await line(0);
  first.opened.resolve();
  await works();
  first.events.lost(new Error("it ends"));
  (await line(1)).opened.reject(new Error("refused"));
  const third = await line(2);
  expect(bus.problem).toBe("refused");
  nowMs += 59_999;
  third.opened.reject(new Error("refused"));
  const fourth = await line(3);
  expect(said().slice(1)).toEqual([["warn", "it ends"]]);
  nowMs += 1;
  fourth.opened.reject(new Error("refused"));
  const fifth = await line(4);
  nowMs += 3_600_000;
  fifth.opened.reject(new Error("refused"));
  const sixth = await line(5);
  sixth.opened.resolve();
  await works();
  sixth.events.lost(new Error("it ends"));
  expect(said()).toEqual([
    ["info", "the bus works"],
    ["warn", "it ends"],
    ["warn", "refused"],
    ["info", "the bus works"],
    ["warn", "it ends"],
  ]);
}, 30_000);

test("BUS-11 a bus that stands in for another one says so when it does not work", async () => {
  const { line, log } = opened({ isStandIn: true });
  const first = await line(0);
  first.opened.resolve();
  await works();
  first.events.lost(new Error("it ends"));
  expect(log.map((line) => JSON.parse(line).msg)).toEqual([
    "the bus that stands in for Redis works",
    "the bus that stands in for Redis does not work",
  ]);
});

test("BUS-11 each outage is told once, when it does not work any more, and so is one from the beginning", async () => {
  const { line, lost } = opened();
  (await line(0)).opened.reject(new Error("refused"));
  (await line(1)).opened.reject(new Error("refused"));
  const third = await line(2);
  expect(lost).toEqual([false]);
  third.opened.resolve();
  await works();
  third.events.lost(new Error("it ends"));
  third.events.lost(new Error("it ends again"));
  expect(lost).toEqual([false, false]);
  const fourth = await line(3);
  fourth.opened.resolve();
  await works();
  await bus.close();
  expect(lost).toEqual([false, false]);
});

test("BUS-5 while there is no line, nothing is made that would be dropped, and the highest position is kept", async () => {
  const { line } = opened();
  const first = await line(0);
  let made = 0;
  const data = { toJSON: () => (made += 1) };
  bus.publish(live(data));
  for (const n of [1, 3, 2]) bus.publish(batch(n, n));
  first.opened.resolve();
  await works();
  expect([made, first.live]).toEqual([0, [{ upTo: 3, events: [] }]]);
  first.events.lost(new Error("gone"));
  first.events.lost(new Error("gone again"));
  const second = await line(1);
  second.opened.resolve();
  await works();
  expect(second.live).toEqual([{ upTo: 3, events: [] }]);
  expect(first.isClosed).toBe(true);
});

test("BUS-3 one sending is under way at a time, and what is published meanwhile follows in order, within the bound", async () => {
  const { line, log } = opened();
  const first = await line(0);
  first.opened.resolve();
  await works();
  const { promise, resolve } = Promise.withResolvers<void>();
  first.accepted = promise;
  bus.publish(live("first"));
  await until("it is sent", () => first.live.includes("first"));
  const text = "x".repeat(1_000_000);
  for (let n = 0; n < 6; n++) bus.publish(live({ n, text }));
  bus.publish(batch(1, 1500));
  bus.publish(live("small"));
  await delay(20);
  expect(first.live).toEqual(["first"]);
  first.accepted = Promise.resolve();
  resolve();
  await until("the rest is sent", () => first.live.length > 1);
  const rest = first.live.slice(1) as { n?: number; upTo?: number }[];
  expect(rest.map(({ n, upTo }, index) => n ?? upTo ?? first.live[index + 1])).toEqual([0, 1, 2, 3, "small", 1500]);
  await until("a line in the log says so", () => log.some((line) => line.includes('"dropped":2')));
});

test("BUS-3 with a shortest time between sendings, the first goes at once and the others together", async () => {
  using time = new StillTime();
  // Without its pulses.
  using timers = new HeldTimers(50, 1000);
  const { line } = opened({ gatherMs: 50 });
  const first = await line(0);
  first.opened.resolve();
  await works();
  time.advance(50);
  const before = first.sendings;
  for (const n of [1, 2]) bus.publish(live(n));
  await Promise.resolve();
  expect([first.live, first.sendings]).toEqual([[1, 2], before + 1]);
  for (const n of [3, 4]) bus.publish(live(n));
  await nextTurn();
  bus.publish(live(5));
  expect([first.live, timers.waiting]).toEqual([
    [1, 2],
    [1000, 50],
  ]);
  time.advance(50);
  timers.run(50);
  await nextTurn();
  expect([first.live, first.sendings]).toEqual([[1, 2, 3, 4, 5], before + 2]);
});

test("BUS-11 a node that has nothing to say sends an empty frame within 2 s, again and again", async () => {
  using timers = new HeldTimers(1000);
  const { line } = opened();
  const first = await line(0);
  first.opened.resolve();
  await works();
  const sent: number[] = [];
  for (let second = 0; second < 8; second++) {
    timers.run(1000);
    await nextTurn();
    sent.push(first.sent.length);
  }
  for (const [second, count] of sent.slice(2).entries()) expect(count).toBeGreaterThan(sent[second] ?? count);
  expect([first.live, bus.works]).toEqual([[], true]);
});

test("a listener that throws keeps nothing from the others", async () => {
  const { line, log } = opened();
  const heard: unknown[] = [];
  bus.subscribe(() => {
    throw new Error("on purpose");
  });
  bus.subscribe((message) => heard.push(message));
  bus.onRestored(() => {
    throw new Error("on purpose");
  });
  const first = await line(0);
  first.opened.resolve();
  await works();
  first.events.heard({ channel: "live", text: '00000000000000bb 1 "hello"' });
  expect(heard).toEqual([live("hello")]);
  expect(log.filter((line) => line.includes("on purpose"))).toHaveLength(2);
});

test("BUS-4 at the end what waits is sent, and a line that does not take it holds nobody up", async () => {
  const { line } = opened();
  const first = await line(0);
  first.opened.resolve();
  await works();
  bus.publish(live("goodbye"));
  await bus.close();
  expect([first.live, first.isClosed]).toEqual([["goodbye"], true]);

  const again = opened();
  const stuck = await again.line(0);
  stuck.opened.resolve();
  await works();
  stuck.accepted = new Promise(() => {});
  bus.publish(live("goodbye"));
  using timers = new HeldTimers(500);
  const closing = bus.close();
  expect([stuck.isClosed, timers.waiting]).toEqual([false, [500]]);
  timers.run();
  await closing;
  expect(stuck.isClosed).toBe(true);
  stuck.events.lost(new Error("late"));
  await delay(100);
  expect(again.lines).toHaveLength(1);
});
