import { describe, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import type { Connection } from "../src/gateway/connection.ts";
import { sweep } from "../src/gateway/sweep.ts";
import { systemClock } from "../src/lib/clock.ts";
import { every } from "../src/lib/interval.ts";
import { uptimeMs } from "../src/lib/uptime.ts";
import { atOnce } from "./at-once.ts";
import { type Settings, say, TestServer } from "./harness.ts";
import type { LiveClient } from "./live-client.ts";
import { RawClient } from "./raw-client.ts";
import { StillTime } from "./still-time.ts";

async function withServer(settings: Settings, run: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await TestServer.start(settings);
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

/** A round of the sweep at a time that the test chooses, with production's settings for the rest. */
function lookAt(server: TestServer, nowMs: number): void {
  const unused = { epoch: "", clock: systemClock, loginEndOf: async () => 0, onError: () => {} };
  const parts = { hub: server.hub, tail: { position: 0 } as never, maxQueueBytes: 4_194_304, ...unused };
  sweep(parts, { nowMs, cursors: false, isLate: false });
}

/** The server's end of a connection that has had READY. */
function endOf(server: TestServer, live: LiveClient): Connection {
  const id = live.of(Push.READY)[0]?.data.connectionId;
  return [...server.hub.all()].find(({ origin }) => origin.id === id) as Connection;
}

/** Resolves when the server has had something from each of them at this moment of a time that stands still. */
async function heard(server: TestServer, clients: readonly LiveClient[]): Promise<void> {
  const isHeard = (live: LiveClient) => endOf(server, live).lastReceivedMs === uptimeMs();
  await atOnce(server, "the server has heard of everybody", () => clients.every(isHeard));
}

// `sweep.test.ts` has the default times and the timer to the millisecond.
describe("liveness", () => {
  test(
    "GW-46: in a room where much is said, who is silent is closed with 4000 in time, and who heartbeats stays",
    () =>
      withServer({}, async (server) => {
        using time = new StillTime();
        const [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
        const room = await server.room(ann, [ben]);
        const [silent, beating] = await Promise.all([server.live(ben), server.live(ben)]);
        for (let second = 1; second <= 30; second++) {
          time.advance(1000);
          await say(ann, room, `tick ${second}`);
          beating.send({ type: Command.HEARTBEAT });
          await heard(server, [beating]);
          lookAt(server, uptimeMs());
        }
        expect(endOf(server, silent).closed).toBe(false);
        time.advance(1);
        // This is done by the server's own timer.
        expect((await silent.ended()).code).toBe(4000);
        expect(silent.of(Push.MESSAGE)).toHaveLength(30);
        await beating.echo();
        expect(beating.closed).toBeUndefined();
      }),
    20_000,
  );

  test(
    "GW-47: every kind of frame counts as a sign of life, control frames too; silence is silence for all",
    () =>
      withServer({ HEARTBEAT_MS: "2000", IDLE_MS: "8000" }, async (server) => {
        using time = new StillTime();
        const [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
        const room = await server.room(ann, [ben]);
        const open = () => server.live(ben);
        const [pinging, ponging, beating, typing, silent] = await Promise.all([open(), open(), open(), open(), open()]);
        const alive = [pinging, ponging, beating, typing];
        const anonymous = await server.connect();
        const resuming = await server.live(ben, { path: "/ws?resume=1" });
        time.advance(5000);
        pinging.control("ping");
        ponging.control("pong");
        beating.send({ type: Command.HEARTBEAT });
        typing.send({ type: Command.TYPING, data: { roomId: room } });
        await say(ann, room, "tick");
        await heard(server, alive);
        time.advance(3001);
        for (const ended of [silent, anonymous, resuming]) expect((await ended.ended()).code).toBe(4000);
        time.advance(4999);
        lookAt(server, uptimeMs());
        for (const one of alive) expect(endOf(server, one).closed).toBe(false);
        time.advance(1);
        for (const quiet of alive) expect((await quiet.ended()).code).toBe(4000);
      }),
    20_000,
  );

  test(
    "GW-48: ?idle= gives a connection a time of its own, at most 120 s, and READY says which",
    () =>
      withServer({ HEARTBEAT_MS: "500", IDLE_MS: "1000" }, async (server) => {
        using time = new StillTime();
        const ann = await server.person("ann");
        const idleMs = async (query: string) =>
          (await (await server.live(ann, { path: `/ws${query}` })).frame(Push.READY)).data.idleMs;
        expect(await idleMs("?idle=60")).toBe(60_000);
        expect(await idleMs("?idle=500")).toBe(120_000);
        expect(await idleMs("")).toBe(1000);
        const [short, long] = await Promise.all([server.live(ann), server.live(ann, { path: "/ws?idle=4" })]);
        time.advance(1001);
        expect((await short.ended()).code).toBe(4000);
        time.advance(2999);
        lookAt(server, uptimeMs());
        expect(endOf(server, long).closed).toBe(false);
        time.advance(1);
        expect((await long.ended()).code).toBe(4000);
      }),
    20_000,
  );

  test(
    "GW-49: a connection that asked to resume and does not within 10 s of READY is closed with 1008",
    () =>
      withServer({ HALL: "public" }, async (server) => {
        const ann = await server.person("ann");
        const started = uptimeMs();
        const [late, anonymous, inTime] = await Promise.all([
          server.live(ann, { path: "/ws?resume=1" }),
          server.connect({ path: "/ws?resume=1" }),
          server.live(ann, { path: "/ws?resume=1" }),
        ]);
        await anonymous.frame(Push.READY);
        inTime.send({ type: Command.RESUME, data: {} });
        await inTime.frame(Push.CURSOR, ({ data }) => data.live);
        const ready = uptimeMs();
        lookAt(server, started + 9999);
        await Promise.all([late.echo(), anonymous.echo()]);
        lookAt(server, ready + 10_001);
        expect((await late.ended()).code).toBe(1008);
        expect((await anonymous.ended()).code).toBe(1008);
        await inTime.echo();
        expect(inTime.closed).toBeUndefined();
      }),
    20_000,
  );

  test(
    "GW-51: a reader above half its queue for 5 s is closed with 4008, after a gapless prefix",
    () =>
      withServer({ MAX_QUEUE_BYTES: "4194304" }, async (server) => {
        const [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
        const room = await server.room(ann, [ben]);
        const stalled = await RawClient.open(server.url, ben.token, "/ws?idle=120");
        await stalled.until((frames) => frames.some(({ type }) => type === Push.RED_DOT));
        stalled.pause();
        const [connection] = [...server.hub.ofUser(ben.uid)] as [Connection];
        while (connection.queuedBytes <= 2_097_152) {
          await Promise.all(Array.from({ length: 16 }, () => say(ann, room, "x".repeat(4000))));
        }
        expect(connection.queuedBytes).toBeLessThan(4_194_304);
        // From here to the close it is one turn, so that no round of the server's comes between. Milliseconds are whole, since fractions
        // may add up to a little less than 5 s.
        const since = Math.ceil(uptimeMs());
        connection.slowSinceMs = 0;
        lookAt(server, since);
        lookAt(server, since + 4999);
        expect(connection.closed).toBe(false);
        lookAt(server, since + 5000);
        expect(connection.closed).toBe(true);
        // The engine alone would discard the queue at its next tick, which comes every 4 s. It cannot be hurried, so this test takes that long.
        const closed = uptimeMs();
        const healthy = await server.live(ann);
        const said: Promise<void>[] = [];
        const stop = every(200, () => said.push(say(ann, room, "tick")));
        await healthy.until(() => uptimeMs() - closed > 4200, "that tick", 10_000).finally(stop);
        // One that is under way when the server stops would fail, perhaps in the next test.
        await Promise.all(said);
        stalled.resume();
        await stalled.ended();
        expect(stalled.code).toBe(4008);
        const seqs = stalled.frames.filter(({ stream }) => stream === `room:${room}`).map(({ seq }) => seq as number);
        expect(seqs).toEqual(seqs.map((_, i) => i + 2));
      }),
    40_000,
  );
});
