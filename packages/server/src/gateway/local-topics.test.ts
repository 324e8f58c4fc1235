import { expect, test } from "bun:test";
import type { LoggedEvent } from "../db/transaction.ts";
import { type LocalSubscriber, LocalTopics, type PublishedFrame, Subscriptions } from "./local-topics.ts";

const EPOCH = "00000000000000aa";
const event = { pos: 41, seq: 3, stream: "room:1" } as LoggedEvent;
const text = (frame: PublishedFrame | undefined) => new TextDecoder().decode(frame?.block);

class Listener implements LocalSubscriber {
  readonly frames: PublishedFrame[] = [];

  deliver(frame: PublishedFrame): void {
    this.frames.push(frame);
  }

  get texts(): string[] {
    return this.frames.map((frame) => frame.text);
  }
}

test("a frame goes to those who are subscribed to its topic, once each, and to nobody else", () => {
  const topics = new LocalTopics(EPOCH);
  const [ann, ben, cai] = [new Listener(), new Listener(), new Listener()];
  topics.subscribe("room:1", ann);
  topics.subscribe("room:1", ann);
  topics.subscribe("room:1", ben);
  topics.subscribe("room:2", cai);
  topics.publish("room:1", "one", event);
  topics.publish("room:3", "none", event);
  topics.unsubscribe("room:1", ann);
  topics.publish("room:1", "two", undefined);
  expect([ann.texts, ben.texts, cai.texts]).toEqual([["one"], ["one", "two"], []]);
});

test("TR-21: the block of an event stream has the position as its id where the frame is logged, and none where it is not", () => {
  const topics = new LocalTopics(EPOCH);
  const ann = new Listener();
  topics.subscribe("room:1", ann);
  topics.publish("room:1", '{"type":4}', event);
  topics.publish("room:1", '{"type":105}', undefined);
  expect(ann.frames.map(text)).toEqual([`id: ${EPOCH};*@41\ndata: {"type":4}\n\n`, 'data: {"type":105}\n\n']);
  expect(ann.frames.map((frame) => frame.event?.pos)).toEqual([41, undefined]);
});

test("all subscribers share one frame and one block of bytes", () => {
  const topics = new LocalTopics(EPOCH);
  const [ann, ben] = [new Listener(), new Listener()];
  for (const one of [ann, ben]) topics.subscribe("room:1", one);
  topics.publish("room:1", "one", event);
  expect(ann.frames[0]).toBe(ben.frames[0] as PublishedFrame);
  expect(ann.frames[0]?.block).toBe(ben.frames[0]?.block as Uint8Array);
});

test("a delivery that ends its reader, or another one, neither skips anybody nor breaks the round", () => {
  const topics = new LocalTopics(EPOCH);
  const heard: string[] = [];
  const second: LocalSubscriber = { deliver: () => void heard.push("second") };
  const first: LocalSubscriber = {
    deliver: () => {
      heard.push("first");
      topics.unsubscribe("room:1", first);
      topics.unsubscribe("room:1", second);
      topics.subscribe("room:1", late);
    },
  };
  const late: LocalSubscriber = { deliver: () => void heard.push("late") };
  topics.subscribe("room:1", first);
  topics.subscribe("room:1", second);
  topics.publish("room:1", "one", event);
  // A subscriber that joins during a round hears the next frame first.
  expect(heard).toEqual(["first", "second"]);
  topics.publish("room:1", "two", event);
  expect(heard).toEqual(["first", "second", "late"]);
});

test("TR-27: nothing is kept of a topic without subscribers", () => {
  const topics = new LocalTopics(EPOCH);
  const ann = new Listener();
  expect(topics.size).toBe(0);
  topics.subscribe("room:1", ann);
  topics.subscribe("room:2", ann);
  expect(topics.size).toBe(2);
  topics.unsubscribe("room:1", ann);
  topics.unsubscribe("room:1", ann);
  topics.unsubscribe("room:9", ann);
  expect(topics.size).toBe(1);
  topics.unsubscribe("room:2", ann);
  expect(topics.size).toBe(0);
});

test("what a subscriber reads is a list, in which each topic stands once, and from which topics go one by one or all at once", () => {
  const topics = new LocalTopics(EPOCH);
  const [ann, ben] = [new Listener(), new Listener()];
  const [annReads, benReads] = [new Subscriptions(topics, ann), new Subscriptions(topics, ben)];
  for (const name of ["room:1", "room:2", "room:2", "room:3"]) annReads.add(name);
  benReads.add("room:4");
  expect([annReads.size, benReads.size, topics.size]).toEqual([3, 1, 4]);
  for (const name of ["room:2", "room:2", "room:4"]) annReads.delete(name);
  expect([annReads.has("room:2"), annReads.has("room:4"), benReads.has("room:4"), annReads.size]).toEqual([
    false,
    false,
    true,
    2,
  ]);
  annReads.keepOnly((name) => name === "room:3");
  for (const name of ["room:1", "room:2", "room:3", "room:4"]) topics.publish(name, name, undefined);
  expect([ann.texts, ben.texts]).toEqual([["room:3"], ["room:4"]]);
  annReads.clear();
  expect([annReads.size, topics.size]).toEqual([0, 1]);
});

test("a name is the same, whether anybody reads the topic or nobody", () => {
  const topics = new LocalTopics(EPOCH);
  topics.subscribe("room:1", new Listener());
  expect(["room:1", "room:2"].map((name) => topics.nameOf(name))).toEqual(["room:1", "room:2"]);
});
