import { expect, setDefaultTimeout, test } from "bun:test";
import { connect, createServer, type Socket } from "node:net";
import { delay } from "../src/lib/interval.ts";
import { endLater } from "./left-running.ts";
import { Line } from "./line.ts";

/** A deadline, for slow machines. */
setDefaultTimeout(30_000);

/** A service that answers every line with itself. */
async function echo(): Promise<number> {
  const server = createServer((socket) => socket.on("error", () => {}).pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endLater(() => void server.close());
  return (server.address() as { port: number }).port;
}

class Caller {
  readonly #socket: Socket;
  readonly ended: Promise<void>;
  heard = "";

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1").setNoDelay(true);
    this.#socket.on("data", (bytes) => {
      this.heard += bytes;
    });
    this.ended = new Promise((resolve) => {
      this.#socket.on("error", () => {}).on("close", () => resolve());
    });
    endLater(() => void this.#socket.destroy());
  }

  say(text: string): void {
    this.#socket.write(text);
  }

  async until(text: string): Promise<void> {
    while (this.heard !== text) await delay(1);
  }
}

test("what is sent arrives, in order, and its delays add up", async () => {
  const line = new Line(await echo());
  const caller = new Caller(line.port);
  caller.say("a");
  await caller.until("a");
  line.delay({ toServer: 60, toClient: 40 });
  const begun = performance.now();
  for (const letter of "bcd") caller.say(letter);
  await caller.until("abcd");
  expect(performance.now() - begun).toBeGreaterThanOrEqual(99);
});

test("a stalled line keeps its connections, makes new ones, and passes what it held when it heals", async () => {
  const line = new Line(await echo());
  const early = new Caller(line.port);
  early.say("a");
  await early.until("a");
  line.stall();
  const late = new Caller(line.port);
  for (const caller of [early, late]) caller.say("b");
  while (line.connections < 2) await delay(1);
  await delay(50);
  expect([early.heard, late.heard]).toEqual(["a", ""]);
  line.heal();
  await Promise.all([early.until("ab"), late.until("b")]);
});

test("a line that is cut ends its connections and makes no others until it heals", async () => {
  const line = new Line(await echo());
  const early = new Caller(line.port);
  early.say("a");
  await early.until("a");
  line.cut();
  await early.ended;
  await new Caller(line.port).ended;
  line.heal();
  const late = new Caller(line.port);
  late.say("c");
  await late.until("c");
});

test("much that waits for a slow receiver is not held in memory, and all of it arrives", async () => {
  const line = new Line(await echo());
  const caller = new Caller(line.port);
  const block = "x".repeat(1_000_000);
  line.stall();
  for (let i = 0; i < 40; i++) caller.say(block);
  await delay(100);
  line.heal();
  while (caller.heard.length < 40_000_000) await delay(5);
  expect(caller.heard.length).toBe(40_000_000);
});
