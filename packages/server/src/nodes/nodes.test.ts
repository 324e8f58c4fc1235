import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { MemoryBus } from "../bus/memory-bus.ts";
import { NodeChannel } from "./channel.ts";
import { LiveFrames } from "./live-frames.ts";
import { LivingNodes } from "./liveness.ts";
import { Questions } from "./questions.ts";

const [A, B, C] = ["a".repeat(16), "b".repeat(16), "c".repeat(16)];

/** Nodes that know each other, without servers. */
function among(ids: readonly string[]) {
  const bus = new MemoryBus();
  const nodes = ids.map((self) => {
    const living = new LivingNodes();
    for (const other of ids) if (other !== self) living.up(other);
    const errors: unknown[] = [];
    const raw = bus.open(self);
    const channel = new NodeChannel({ self, bus: raw, liveness: living }, (error) => errors.push(error));
    const questions = new Questions(channel, (error) => errors.push(error));
    channel.start();
    return { living, channel, questions, errors, raw };
  });
  return nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
}

const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

describe("the channel between nodes", () => {
  test("hands each kind to its listener, with the node that sent it, and skips what it does not know", async () => {
    const [a, b] = among([A, B]);
    const heard: unknown[] = [];
    b.channel.on("one", (data, from) => heard.push([data, from]));
    a.channel.send("one", { n: 1 });
    a.channel.send("of a later version", { n: 2 });
    for (const data of [null, 7, "text", [], {}]) a.raw.publish({ channel: "live", data });
    a.raw.publish({ channel: "log", events: [], upTo: 7 });
    await settle();
    expect(heard).toEqual([[{ kind: "one", n: 1 }, A]]);
    expect(b.errors).toEqual([]);
  });

  test("NODE-1: a node that does not count as alive is not believed", async () => {
    const [a, b] = among([A, B]);
    const heard: unknown[] = [];
    b.channel.on("one", ({ n }) => heard.push(n));
    b.living.down(A);
    a.channel.send("one", { n: 1 });
    await settle();
    b.living.up(A);
    a.channel.send("one", { n: 2 });
    await settle();
    expect(heard).toEqual([2]);
  });

  test("a listener that fails keeps nothing from the others", async () => {
    const [a, b] = among([A, B]);
    const heard: unknown[] = [];
    b.channel.on("bad", () => {
      throw new Error("broken");
    });
    b.channel.on("good", ({ n }) => heard.push(n));
    a.channel.send("bad", {});
    a.channel.send("good", { n: 1 });
    await settle();
    expect([heard, b.errors]).toEqual([[1], [new Error("broken")]]);
  });
});

test("NODE-6: a frame that is not logged goes to every stream, here and there, and a malformed message nowhere", async () => {
  const [a, b] = among([A, B]);
  const published: string[][] = [];
  const frames = [a, b].map(({ channel }, n) => {
    const live = new LiveFrames(channel);
    live.start((stream, frame) => published.push([`${n}`, stream, frame]));
    return live;
  });
  frames[0]?.publish(["room:2", "user:7"], "frame");
  a.channel.send("frame", { streams: "room:3", frame: "x" });
  a.channel.send("frame", { streams: ["room:3"] });
  await settle();
  const each = ["0", "1"].flatMap((node) => ["room:2", "user:7"].map((stream) => [node, stream, "frame"]));
  expect(published).toEqual(each);
});

describe("a question to all nodes", () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  test("NODE-7: is answered as soon as all have answered", async () => {
    const [a, b, c] = among([A, B, C]);
    b.questions.on("sum", ({ x, id }) => [x, id, "b"]);
    c.questions.on("sum", async () => "c");
    const asked = a.questions.ask("sum", { x: 1, id: "its own" });
    await settle();
    const { answers, byNode, silent } = await asked;
    expect(byNode.get(C)).toBe("c");
    expect(answers.sort()).toEqual([[1, "its own", "b"], "c"]);
    expect(silent).toEqual([]);
  });

  test("NODE-7: names after a second those that did not answer, that cannot, or that do not know it", async () => {
    const [a, b, c] = among([A, B, C]);
    let answer: (value: string) => void = () => {};
    b.questions.on("slow", () => new Promise((resolve) => (answer = resolve)));
    const first = a.questions.ask("slow");
    await settle();
    jest.advanceTimersByTime(1000);
    expect(await first).toMatchObject({ answers: [], silent: [B, C] });
    // What comes too late answers no other question.
    c.questions.on("slow", () => "c");
    const second = a.questions.ask("slow");
    answer("late");
    await settle();
    jest.advanceTimersByTime(1000);
    expect(await second).toMatchObject({ answers: ["c"], silent: [B] });
    b.questions.on("slow", () => {
      throw new Error("cannot");
    });
    const third = a.questions.ask("slow");
    await settle();
    jest.advanceTimersByTime(1000);
    expect((await third).silent).toEqual([B]);
    expect(b.errors).toEqual([new Error("cannot")]);
  });

  test("NODE-7: a node alone answers by itself, at once", async () => {
    const [a] = among([A]);
    expect(await a.questions.ask("anything")).toMatchObject({ answers: [], silent: [] });
  });

  test("NODE-7: a node that dies meanwhile is not waited for when it is asked next", async () => {
    const [a, b] = among([A, B]);
    a.living.down(B);
    b.questions.on("x", () => 1);
    expect(await a.questions.ask("x")).toMatchObject({ answers: [], silent: [] });
  });
});
