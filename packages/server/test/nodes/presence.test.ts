import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ActiveStatus, Push } from "@parley/protocol";
import type { Person } from "../harness.ts";
import { HeldTimers } from "../held-timers.ts";
import { LiveClient, type SeenFrame } from "../live-client.ts";
import { TestNodes } from "../nodes-rig.ts";

const says = (uid: number, activeStatus: number) => (frame: SeenFrame) =>
  frame.data.changeList.some(
    (one: { uid: number; activeStatus: number }) => one.uid === uid && one.activeStatus === activeStatus,
  );
const statesOf = (live: LiveClient, uid: number): number[] =>
  live
    .of(Push.ONLINE_OFFLINE_NOTIFY)
    .flatMap(({ data }) => data.changeList.filter((one: { uid: number }) => one.uid === uid))
    .map(({ activeStatus }: { activeStatus: number }) => activeStatus);

/** Somebody with a grace is offline after 5 s at the earliest, and others after a second. */
const AT_ONCE_MS = 4000;
/** After the grace, and the second in which changes are gathered. */
const SEEN_MS = 20_000;

describe("people on two nodes", () => {
  let nodes: TestNodes;
  let [ann, ben, cai]: Person[] = [];
  beforeAll(async () => {
    nodes = await TestNodes.start(2);
    [ann, ben, cai] = [await nodes.person("ann"), await nodes.person("ben"), await nodes.person("cai")];
    await nodes.at(0).room(ann, [ben, cai]);
  }, 30_000);
  afterAll(() => nodes[Symbol.asyncDispose](), 30_000);

  test("NODE-2: readers on every node are told who comes, who was there, and how many are online", async () => {
    if (!ann || !ben || !cai) throw new Error("people");
    const watcher = await nodes.at(0).live(ann);
    const other = await nodes.at(1).live(ben);
    await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, says(ben.uid, ActiveStatus.online));
    await other.frame(Push.ONLINE_OFFLINE_NOTIFY, says(ann.uid, ActiveStatus.online));
    const third = await nodes.at(1).live(cai);
    await third.frame(Push.ONLINE_OFFLINE_NOTIFY, ({ data }) => data.complete === true && data.onlineNum === 3);
    expect(statesOf(third, ann.uid)).toContain(ActiveStatus.online);
    await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, ({ data }) => data.onlineNum === 3);
    const asked = await ann.api.ok<{ items: object[]; onlineNum: number }>("GET", `/presence?userIds=${ben.uid}`);
    expect(asked).toMatchObject({ items: [{ uid: ben.uid, activeStatus: ActiveStatus.online }], onlineNum: 3 });
    other.close();
    await other.ended();
    const again = await nodes.at(0).live(ben);
    third.close();
    await third.ended();
    // By then the grace of the one who changed nodes is over.
    await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, says(cai.uid, ActiveStatus.offline), SEEN_MS);
    expect(statesOf(watcher, ben.uid)).not.toContain(ActiveStatus.offline);
    again.close();
    await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, says(ben.uid, ActiveStatus.offline), SEEN_MS);
    watcher.close();
  }, 60_000);

  test("NODE-1: a node that has just started knows who is online before it serves the first reader", async () => {
    if (!ann || !ben) throw new Error("people");
    const there = await nodes.at(0).live(ann);
    // It waits no longer than two seconds for the others, and what carries their answers may stand still for that long.
    using _ = new HeldTimers(2000);
    const node = await nodes.add();
    const reader = await node.live(ben);
    const snapshot = await reader.frame(Push.ONLINE_OFFLINE_NOTIFY, ({ data }) => data.complete !== undefined);
    expect(snapshot.data).toMatchObject({ complete: true, onlineNum: 2 });
    expect(statesOf(reader, ann.uid)).toContain(ActiveStatus.online);
    for (const one of [there, reader]) one.close();
    await nodes.stop(2);
  }, 30_000);

  test("NODE-3: people whose node stops have time to come back, and those of a node that dies go at once", async () => {
    if (!ann || !ben || !cai) throw new Error("people");
    await nodes.add();
    const watcher = await nodes.at(0).live(ann);
    const goes = await nodes.at(2).live(cai);
    const leaves = await LiveClient.open(nodes.at(1).url, { token: ben.token });
    for (const { uid } of [ben, cai]) {
      await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, says(uid, ActiveStatus.online));
    }
    await nodes.declareDead(2);
    await watcher.frame(Push.ONLINE_OFFLINE_NOTIFY, says(cai.uid, ActiveStatus.offline), AT_ONCE_MS);
    await nodes.stop(1);
    expect((await leaves.ended()).code).toBe(1012);
    // Two are counted from now on. The round that counts the third one may come before their connection is open here.
    const later = watcher.frames.length;
    const back = await nodes.at(0).live(cai);
    await watcher.until(
      () =>
        watcher.frames
          .slice(later)
          .some(({ type, data }) => type === Push.ONLINE_OFFLINE_NOTIFY && data.onlineNum === 3),
      "a round in which two are online and one may come back",
    );
    expect(statesOf(watcher, ben.uid)).not.toContain(ActiveStatus.offline);
    for (const one of [back, goes, watcher]) one.close();
  }, 30_000);
});
