import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { type Person, TestServer } from "./harness.ts";

let server: TestServer;
let ann: Person;
beforeAll(async () => {
  server = await TestServer.start();
  ann = await server.person("ann");
}, 30_000);
afterAll(() => server.stop());

describe("frames that are not commands", () => {
  test.each([
    ["an unknown type", '{"type":77}', { code: "unknown_type", requestType: 77 }],
    ["a type of the server's", '{"type":4,"data":{}}', { code: "unknown_type", requestType: 4 }],
    ["a negative type", '{"type":-1}', { code: "unknown_type", requestType: -1 }],
    ["no JSON", "hello", { code: "invalid" }],
    ["nothing", "", { code: "invalid" }],
    ["no object", "[2]", { code: "invalid" }],
    ["null", "null", { code: "invalid" }],
    ["no type", '{"data":{}}', { code: "invalid" }],
    ["a type that is text", '{"type":"2"}', { code: "invalid" }],
    ["a type that is not a whole number", '{"type":2.5}', { code: "invalid" }],
    ["a huge type", '{"type":1e300}', { code: "invalid" }],
    ["data of the wrong shape", '{"type":102,"data":{"roomId":"x"}}', { code: "invalid", requestType: 102 }],
    ["bytes", new TextEncoder().encode('{"type":2}'), { code: "invalid" }],
  ])("GW-30: %s gets ERROR, and the connection lives", async (_, frame, error) => {
    const live = await server.live(ann);
    live.send(frame);
    const { data } = await live.frame(Push.ERROR);
    expect(data).toMatchObject(error);
    expect(data.message.length).toBeGreaterThan(5);
    if (!("requestType" in error)) expect(data).not.toHaveProperty("requestType");
    await live.echo();
    expect(live.closed).toBeUndefined();
    expect(live.of(Push.ERROR)).toHaveLength(2);
  });

  test("GW-30: unknown fields are ignored, white space too", async () => {
    const live = await server.live(ann);
    live.send(' { "x": [1], "type" : 2 , "data": {"y": 1}, "seq": 9 } ');
    live.send({ type: Command.RESUME, data: { cursor: null, more: true } });
    expect((await live.frame(Push.ERROR)).data.code).toBe("already_live");
    expect(live.of(Push.ERROR)).toHaveLength(1);
  });

  test("GW-31: the fifth in 10 s costs the connection, with 1008", async () => {
    const live = await server.live(ann);
    for (let i = 0; i < 4; i++) live.send(i % 2 === 0 ? '{"type":77}' : "hello");
    await live.until(() => live.of(Push.ERROR).length === 4, "four errors");
    await live.echo();
    expect(live.closed).toBeUndefined();
    live.send(new Uint8Array([1, 2, 3]));
    expect((await live.ended()).code).toBe(1008);
  });

  test("GW-31: refusals of good frames do not count", async () => {
    const live = await server.live(ann);
    for (let i = 0; i < 10; i++) await live.echo();
    for (let i = 0; i < 10; i++) live.send({ type: Command.RESUME });
    await live.until(() => live.of(Push.ERROR).length === 20, "all answers");
    expect(live.closed).toBeUndefined();
  });
});

describe("the size of frames", () => {
  const padded = (bytes: number) => `{"type":2,"x":"${"a".repeat(bytes - 17)}"}`;

  test("GW-32: 8 KiB are taken, one byte more ends the connection with 1009", async () => {
    expect(padded(8192)).toHaveLength(8192);
    const live = await server.live(ann);
    live.send(padded(8192));
    await live.echo();
    expect(live.closed).toBeUndefined();
    live.send(padded(8193));
    expect((await live.ended()).code).toBe(1009);
  });

  test("GW-32: MAX_FRAME_BYTES moves the limit", async () => {
    const wide = await TestServer.start({ MAX_FRAME_BYTES: "20000" });
    try {
      const live = await wide.connect();
      live.send(padded(20_000));
      await live.echo();
      live.send(padded(20_001));
      expect((await live.ended()).code).toBe(1009);
    } finally {
      await wide.stop();
    }
  });
});

test("GW-33: HEARTBEAT is not answered, in any spelling", async () => {
  const live = await server.live(ann);
  await live.echo();
  const before = live.frames.length;
  for (const text of ['{"type":2}', '{ "type": 2 }', '{"type":2,"data":null}']) live.send(text);
  await live.echo();
  const answers = live.frames.slice(before).filter(({ type }) => type !== Push.ONLINE_OFFLINE_NOTIFY);
  expect(answers.map(({ type }) => type)).toEqual([Push.ERROR]);
});
