import { expect, jest, test } from "bun:test";
import { MemoryBus } from "../bus/memory-bus.ts";
import { type RateCount, RateTellings } from "../limits/rate-tellings.ts";
import { NodeChannel } from "./channel.ts";
import { LivingNodes } from "./liveness.ts";
import { tellRates } from "./told-rates.ts";

test("LIM-4: a node tells the others what it has counted, and nobody while it is alone", async () => {
  jest.useFakeTimers();
  const memory = new MemoryBus();
  const placeOf = (self: string) => ({ self, bus: memory.open(self), liveness: new LivingNodes() });
  const [here, there] = [placeOf("a".repeat(16)), placeOf("b".repeat(16))];
  there.liveness.up(here.self);
  const channels = [here, there].map((place) => new NodeChannel(place, (error) => expect(error).toBeUndefined()));
  const heard: (readonly [string | number, number])[] = [];
  const [own, theirs] = [new RateTellings(), new RateTellings()];
  theirs.listen("sends", (key, amount) => heard.push([key, amount]));
  const stops = channels.map((channel, n) => [channel.start(), tellRates(channel, n === 0 ? own : theirs)]);
  const count: RateCount = ["sends", 7, 1];
  const tell = async () => {
    own.note(...count);
    jest.advanceTimersByTime(100);
    await Promise.resolve();
  };
  try {
    await tell();
    expect(heard).toEqual([]);
    here.liveness.up(there.self);
    await tell();
    expect(heard).toEqual([[7, 1]]);
  } finally {
    for (const stop of stops.flat()) stop();
    jest.useRealTimers();
  }
});
