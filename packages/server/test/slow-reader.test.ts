import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { TestServer } from "./harness.ts";
import { sendAll } from "./load.ts";
import { RawClient } from "./raw-client.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ MAX_QUEUE_BYTES: "65536" });
}, 30_000);
afterAll(() => server.stop());

test("GW-50: a reader that stops reading is closed, has a gapless prefix, and resumes from its cursor", async () => {
  const ann = await server.person("ann");
  const ben = await server.person("ben");
  const room = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [ben.uid] });
  const stream = `room:${room.id}`;
  const healthy = await server.connect({ token: ann.token });
  await healthy.frame(Push.RED_DOT);
  const stalled = await RawClient.open(server.url, ben.token);
  await stalled.until((frames) => frames.some(({ type }) => type === Push.RED_DOT));
  const ready = stalled.frames.find(({ type }) => type === Push.READY);
  stalled.pause();

  // More than the kernel's buffers and the queue together hold.
  const senders = Array.from({ length: 8 }, () => ann);
  for (let round = 0; (await openConnections()) > 1; round++) {
    if (round === 40) throw new Error("32 MB were sent and the reader is still there");
    await sendAll({ senders, roomId: room.id, count: 200, label: `r${round}`, text: "x".repeat(4000) });
  }
  stalled.resume();
  await stalled.ended();

  const seen = stalled.frames.filter((frame) => frame.stream === stream);
  expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, i) => i + 2));
  const head = (await ann.api.ok<{ seq: number }>("GET", `/rooms/${room.id}`)).seq;
  expect(seen.length).toBeLessThan(head - 1);
  await healthy.until(() => healthy.stream(stream).length >= head - 1, "the healthy reader to have everything", 20_000);

  const cursor = `${ready?.data.cursor},${stream}@${seen.at(-1)?.seq}`;
  const again = await server.connect({ token: ben.token, path: "/ws?resume=1" });
  again.send({ type: Command.RESUME, data: { cursor, max: 100_000 } });
  await again.frame(Push.CURSOR, (frame) => frame.data.live, 20_000);
  const rest = again.stream(stream);
  expect(again.of(Push.RESYNC)).toEqual([]);
  expect([...seen, ...rest].map(({ seq }) => seq)).toEqual(Array.from({ length: head - 1 }, (_, i) => i + 2));
}, 60_000);

async function openConnections(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^parley_connections\{transport="websocket"\} (\d+)$/m.exec(text)?.[1]);
}
