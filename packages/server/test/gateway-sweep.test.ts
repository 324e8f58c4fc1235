import { afterAll, beforeAll, expect, test } from "bun:test";
import { floorCursor, Push } from "@parley/protocol";
import { sweep } from "../src/gateway/sweep.ts";
import { systemClock } from "../src/lib/clock.ts";
import { uptimeMs } from "../src/lib/uptime.ts";
import { type Person, say, TestServer } from "./harness.ts";
import { RawClient } from "./raw-client.ts";

let server: TestServer;
let ann: Person;
beforeAll(async () => {
  server = await TestServer.start({ MAX_QUEUE_BYTES: "65536" });
  ann = await server.person("ann");
}, 30_000);
afterAll(() => server.stop());

test("GW-25: those who read get a cursor every 60 s, all others do not", async () => {
  const [live, resuming, anonymous] = await Promise.all([
    server.live(ann),
    server.live(ann, { path: "/ws?resume=1" }),
    server.connect(),
  ]);
  const { epoch, cursor } = (await live.frame(Push.READY)).data;
  const position = Number(cursor.split("@")[1]);
  sweep(
    {
      hub: server.hub,
      tail: { position: position + 5 } as never,
      epoch,
      clock: systemClock,
      maxQueueBytes: 65_536,
      loginEndOf: async () => 0,
      onError: () => {},
    },
    { nowMs: uptimeMs(), cursors: true, isLate: false },
  );
  expect((await live.frame(Push.CURSOR)).data).toEqual({ cursor: floorCursor(epoch, position + 5) });
  await Promise.all([resuming.echo(), anonymous.echo()]);
  expect([resuming.of(Push.CURSOR), anonymous.of(Push.CURSOR)]).toEqual([[], []]);
});

test("GW-27: a backfill goes at its reader's pace and never gets the reader cut, however large its messages", async () => {
  const ben = await server.person("ben");
  const room = await server.room(ann, [ben]);
  const cursor = (await (await server.live(ben)).frame(Push.READY)).data.cursor;
  const text = "🎈".repeat(4000);
  for (let i = 0; i < 45; i++) await Promise.all(Array.from({ length: 20 }, () => say(ann, room, text)));
  for (const connection of [...server.hub.ofUser(ben.uid)]) connection.cut();
  const reader = await RawClient.open(server.url, ben.token, "/ws?resume=1&idle=120");
  await reader.until((frames) => frames.some(({ type }) => type === Push.RED_DOT));
  reader.pause();
  reader.send({ type: 101, data: { cursor } });
  const [connection] = server.hub.ofUser(ben.uid);
  // The kernel's buffers are full, and the rest waits in the log.
  for (let tries = 0; (connection?.queuedBytes ?? 0) === 0; tries++) {
    if (tries === 5000) throw new Error("the reader's queue stays empty");
    await fetch(`${server.url}/healthz`);
  }
  expect(connection?.state.kind).toBe("catching-up");
  reader.resume();
  await reader.until((frames) => frames.some(({ type, data }) => type === Push.CURSOR && data.live));
  const seqs = reader.frames.filter(({ stream }) => stream === `room:${room}`).map(({ seq }) => seq as number);
  expect(seqs).toEqual(Array.from({ length: 900 }, (_, i) => i + 2));
}, 60_000);
