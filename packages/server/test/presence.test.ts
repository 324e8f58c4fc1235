import { describe, expect, test } from "bun:test";
import { ActiveStatus, Push } from "@parley/protocol";
import { uptimeMs } from "../src/lib/uptime.ts";
import { atOnce } from "./at-once.ts";
import { TestServer } from "./harness.ts";
import type { LiveClient, SeenFrame } from "./live-client.ts";

async function withServer(run: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await TestServer.start();
  try {
    await run(server);
  } finally {
    await server.stop();
  }
}

const changesOf = (live: LiveClient, uid: number) =>
  live
    .of(Push.ONLINE_OFFLINE_NOTIFY)
    .flatMap(({ data }) => data.changeList.filter((one: { uid: number }) => one.uid === uid));
const saysOf = (uid: number, activeStatus: number) => (frame: SeenFrame) =>
  frame.data.changeList.some(
    (one: { uid: number; activeStatus: number }) => one.uid === uid && one.activeStatus === activeStatus,
  );

const GRACE_MS = 5000;
const ROUND_MS = 1000;
/** Those who watch say nothing, and stay for as long as the graces take. */
const WATCHES = { path: "/ws?idle=120" };

// The graces are real seconds, so these wait together.
describe.concurrent("presence", () => {
  test(
    "GW-80, GW-81: members of a shared room are told who comes and, 5 s after their last connection, who goes",
    () =>
      withServer(async (server) => {
        const [ann, ben, cai] = await Promise.all(["ann", "ben", "cai"].map((name) => server.person(name)));
        if (!ann || !ben || !cai) throw new Error("people");
        await server.room(ann, [ben]);
        const [watcher, stranger] = await Promise.all([server.live(ann, WATCHES), server.live(cai, WATCHES)]);
        const one = await server.live(ben);
        const two = await server.live(ben);
        const online = await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, saysOf(ben.uid, ActiveStatus.online));
        expect("stream" in online).toBe(false);
        expect(changesOf(watcher, ben.uid)[0].lastOptTime).toBeGreaterThan(1_700_000_000_000);
        one.close();
        await one.ended();
        const left = uptimeMs();
        two.close();
        const isTold = () => changesOf(watcher, ben.uid).at(-1)?.activeStatus === ActiveStatus.offline;
        // It is told in the round after the grace.
        await atOnce(server, "that Ben is offline is told", isTold, { afterMs: GRACE_MS + ROUND_MS });
        expect(uptimeMs() - left).toBeGreaterThan(GRACE_MS - 100);
        expect(changesOf(watcher, ben.uid).map(({ activeStatus }) => activeStatus)).toEqual([1, 2]);
        await stranger.echo();
        expect(changesOf(stranger, ben.uid)).toEqual([]);
      }),
    30_000,
  );

  test(
    "GW-81: a user who is back within the grace was never offline",
    () =>
      withServer(async (server) => {
        const [ann, ben, cai] = await Promise.all(["ann", "ben", "cai"].map((name) => server.person(name)));
        if (!ann || !ben || !cai) throw new Error("people");
        await server.room(ann, [ben, cai]);
        const watcher = await server.live(ann, WATCHES);
        const [first, witness] = await Promise.all([server.live(ben), server.live(cai)]);
        await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, saysOf(ben.uid, ActiveStatus.online));
        first.close();
        await first.ended();
        await server.live(ben, WATCHES);
        witness.close();
        await witness.ended();
        // Cai left later, for good, and others hear of it: by then Ben's grace is over.
        await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, saysOf(cai.uid, ActiveStatus.offline), 20_000);
        expect(changesOf(watcher, ben.uid).map(({ activeStatus }) => activeStatus)).toEqual([1]);
      }),
    30_000,
  );

  test(
    "GW-80: changes are gathered: one frame a second and room; everybody hears how many are online",
    () =>
      withServer(async (server) => {
        const people = await Promise.all(Array.from({ length: 12 }, (_, i) => server.person(`p${i}`)));
        const [ann, ...others] = people;
        const stranger = await server.person("stranger");
        if (!ann) throw new Error("people");
        await server.room(ann, others);
        const [watcher, outside] = await Promise.all([server.live(ann), server.live(stranger)]);
        await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, saysOf(ann.uid, ActiveStatus.online));
        const before = watcher.of(Push.ONLINE_OFFLINE_NOTIFY).length;
        const started = uptimeMs();
        await Promise.all(others.map((one) => server.live(one)));
        for (const one of others) await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, saysOf(one.uid, ActiveStatus.online));
        const rounds = Math.ceil((uptimeMs() - started) / 1000) + 1;
        // Each round brings at most one frame from the room and one with the number.
        expect(watcher.of(Push.ONLINE_OFFLINE_NOTIFY).length - before).toBeLessThanOrEqual(2 * rounds);
        const last = watcher.of(Push.ONLINE_OFFLINE_NOTIFY).at(-1);
        expect(last?.data.onlineNum).toBe(13);
        const told = await outside.frame(Push.ONLINE_OFFLINE_NOTIFY, ({ data }) => data.onlineNum === 13);
        expect(told.data.changeList).toEqual([]);
      }),
    30_000,
  );
});
