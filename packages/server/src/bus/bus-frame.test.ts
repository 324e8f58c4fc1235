import { expect, test } from "bun:test";
import fc from "fast-check";
import { batch, eventAt, live } from "./bus.contract.ts";
import { type BusFrame, frameOf, headOf, messageOf, pulseFrame } from "./bus-frame.ts";
import { Pieces, piecesOf } from "./notify-chunks.ts";

const HEAD = { from: "0123456789abcdef", number: 12 };
const START = `${HEAD.from} ${HEAD.number} `;

function log(value: unknown): BusFrame {
  return { channel: "log", text: START + JSON.stringify(value) };
}

test("a frame says who sent it, and holds the message", () => {
  for (const message of [batch(7, 9), batch(1, 0), live({ n: [1, null, "ž"] }), live(null)]) {
    const upTo = message.channel === "log" ? { upTo: Math.max(1, message.upTo) } : {};
    const frame = frameOf(HEAD, { ...message, ...upTo } as never) as BusFrame;
    expect([headOf(frame), messageOf(frame)]).toEqual([HEAD, { ...message, ...upTo }] as never);
  }
  expect([headOf(pulseFrame(HEAD)), messageOf(pulseFrame(HEAD))]).toEqual([HEAD, "pulse"]);
});

test("BUS-11 a message that was sent over two buses is the same to a node that has one of them, and holds its number", () => {
  const numbered = { ...live({ kind: "a" }), byBoth: 3 };
  expect(messageOf(frameOf(HEAD, numbered) as BusFrame)).toEqual(numbered);
  expect(messageOf(frameOf(HEAD, { ...live(undefined), byBoth: 4 }) as BusFrame)).toEqual({ ...live(null), byBoth: 4 });
  // As other versions may write something else, or any program that may publish there.
  for (const data of [{ byBoth: "3", data: 1 }, { byBoth: 3 }, [3], "byBoth"]) {
    expect(messageOf({ channel: "live", text: START + JSON.stringify(data) })).toEqual(live(data));
  }
});

test("BUS-3 a message that is too large for the others is not made", () => {
  expect(frameOf(HEAD, live("x".repeat(1_048_574)))).toBeDefined();
  expect(frameOf(HEAD, live("x".repeat(1_048_575)))).toBeUndefined();
});

test.each([
  ["nothing", ""],
  ["no sender", `${HEAD.number} {}`],
  ["a sender in capitals", "0123456789ABCDEF 12 {}"],
  ["a number that is too long", `${HEAD.from} 1234567890123456 {}`],
  ["text before the sender", ` ${START}{}`],
])("BUS-6 a frame without a proper beginning is passed over: %s", (_, text) => {
  expect(headOf({ channel: "live", text })).toBeUndefined();
  expect(messageOf({ channel: "live", text })).toBeUndefined();
});

const event = eventAt(5);
test.each([
  ["not JSON", "{"],
  ["not an object", "[]"],
  ["null", "null"],
  ["no position", { events: [] }],
  ["a position that is not a number", { upTo: "5", events: [] }],
  ["position 0", { upTo: 0, events: [] }],
  ["a broken position", { upTo: 5.5, events: [] }],
  ["a position beyond all numbers", { upTo: 2 ** 53, events: [] }],
  ["no events", { upTo: 5 }],
  ["an event that is null", { upTo: 5, events: [null] }],
  ["a hole before the end", { upTo: 6, events: [event] }],
  ["a hole in between", { upTo: 5, events: [eventAt(3), event] }],
  ["the wrong order", { upTo: 5, events: [event, eventAt(4)] }],
  ["an event twice", { upTo: 5, events: [event, event] }],
  ...Object.keys(event).flatMap((key) => [
    [`an event without ${key}`, { upTo: 5, events: [{ ...event, [key]: undefined }] }] as const,
    [`an event whose ${key} is a list`, { upTo: 5, events: [{ ...event, [key]: [] }] }] as const,
  ]),
] as const)("BUS-6 a message of the log that is broken is passed over: %s", (_, value) => {
  const frame = typeof value === "string" ? { channel: "log" as const, text: START + value } : log(value);
  expect(messageOf(frame)).toBeUndefined();
});

test("BUS-6 what is too long or too deep is not read", () => {
  const long = JSON.stringify("x".repeat(1_100_000));
  const deep = "[".repeat(101) + "]".repeat(101);
  expect(messageOf({ channel: "live", text: START + long })).toBeUndefined();
  expect(messageOf({ channel: "live", text: START + deep })).toBeUndefined();
  expect(messageOf({ channel: "live", text: START + deep.slice(1, -1) })).toBeDefined();
});

test("BUS-6 any text at all gives a message or nothing, and never throws", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "binary" }).map((rest) => START + rest),
    fc.json().map((rest) => START + rest),
  );
  fc.assert(
    fc.property(text, fc.constantFrom("log", "live"), (text, channel) => {
      const message = messageOf({ channel, text } as BusFrame);
      if (message === undefined || message === "pulse") return;
      expect(message.channel).toBe(channel as never);
    }),
    { numRuns: 1000 },
  );
}, 30_000);

test("BUS-1 a frame of any length survives being cut in pieces, of plain ASCII and less than 8 000 bytes each", () => {
  const data = fc.oneof(
    fc.string({ unit: "binary", maxLength: 50 }),
    fc
      .constantFrom("x", "\u007f", "ž", "😀", "\\")
      .chain((unit) => fc.nat({ max: 30_000 }).map((count) => unit.repeat(count))),
  );
  fc.assert(
    fc.property(data, fc.nat({ max: 1e9 }), (data, number) => {
      const frame = frameOf(HEAD, live(data)) as BusFrame;
      const pieces = piecesOf(frame, number);
      for (const piece of pieces) expect(piece).toMatch(/^[\x20-\x7e]{1,7999}$/);
      const receiver = new Pieces();
      const frames = pieces.map((piece) => receiver.take(piece));
      expect(frames.slice(0, -1).every((frame) => frame === undefined)).toBe(true);
      expect(messageOf(frames.at(-1) as BusFrame)).toEqual(live(data));
    }),
    { numRuns: 100 },
  );
}, 30_000);

test("BUS-6 pieces that are lost, repeated or out of order give no frame, and the next whole one is put together", () => {
  const long = frameOf(HEAD, live("x".repeat(20_000))) as BusFrame;
  const whole = (receiver: Pieces) =>
    piecesOf(long, 9)
      .map((piece) => receiver.take(piece))
      .at(-1);
  const [first, second, third] = piecesOf(long, 8) as [string, string, string];
  for (const broken of [
    [second, third],
    [first, third],
    [first, second, second, third],
    [first, third, second],
    [first, "l8 1/3 other", third],
    [first, "v7 1/3 other", third],
    [first, "v8 1/2 other", third],
    [first, "", second, third],
    ["v1 0/9999 x"],
    ["v1 5/3 x"],
    ["v1 0/0 x"],
    ["not ours"],
  ]) {
    const receiver = new Pieces();
    expect(broken.map((piece) => receiver.take(piece))).toEqual(broken.map(() => undefined));
    expect(whole(receiver)).toEqual(long);
  }
});

test("BUS-6 pieces hold only one frame that is not complete", () => {
  const receiver = new Pieces();
  const piece = "x".repeat(7000);
  const before = heapAfterCollecting();
  for (let number = 0; number < 5000; number++) {
    receiver.take(`v${number} 0/1000 ${piece}${number}`);
    receiver.take(`v${number} 1/1000 ${piece}${number}`);
  }
  // All of them would be 70 MB.
  expect(heapAfterCollecting() - before).toBeLessThan(20_000_000);
});

function heapAfterCollecting(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}
