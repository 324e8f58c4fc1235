import { expect, test } from "bun:test";
import { roomStream } from "@parley/protocol";
import { say } from "../../server/test/harness.ts";
import { seeded } from "../../server/test/seeded.ts";
import { range } from "../../server/test/transports/stage.ts";
import { OneBrowser } from "./rig/one-browser.ts";
import { ServerRig } from "./rig/rig.ts";
import type { WatchedClient } from "./rig/watched-client.ts";

const rig = new ServerRig();

test("SDK-60: over any number of cuts, blocks, stops and new tabs each tab gets each event once and in order", async () => {
  const seed = Number(process.env.PARLEY_SEED ?? Date.now() % 1_000_000);
  console.log(`PARLEY_SEED=${seed}`);
  const random = seeded(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const uninstall = new OneBrowser().install();
  const room = await rig.stage.room();
  const timing = {
    readyMs: 150,
    openMs: 400,
    answerMs: 400,
    upgradeMs: 60,
    backoffMaxMs: 60,
    tabPingMs: 100,
    tabHiddenPingMs: 100,
  };
  const open = (cursor?: string) =>
    rig.open(cursor === undefined ? { tabs: true } : { tabs: true, cursor }, { timing });
  /** Each tab, with the number of the first text that it gets. */
  const tabs = range(1, 3).map(() => ({ tab: open(), first: 1 }));
  for (const { tab } of tabs) await tab.live();
  let said = 0;
  for (const _ of range(1, 40)) {
    const what = pick(["block", "open", "cut", "down", "stop", "new", "old"]);
    if (what === "block")
      rig.door.treated.set(pick(["websocket", "sse", "poll"]), pick(["refuse", "hold-back", "busy"]));
    if (what === "open") rig.door.treated.clear();
    // Otherwise frames that were held back would be missing in the middle of a connection that goes on, which no network does.
    if (what === "block" || what === "open" || what === "cut") rig.door.cut();
    const { tab } = pick(tabs);
    if (what === "stop") tab.client.stop();
    rig.door.down = what === "down";
    // This is a page that has read its state over HTTP and brings that state's cursor.
    if (what === "new") tabs.push({ tab: open(await rig.stage.now()), first: said + 1 });
    // This is a tab that begins with what another tab stored.
    if (what === "old") tabs.push({ tab: open(tab.client.cursor), first: tab.texts(room).length + firstOf(tab) });
    for (const at of range(1, pick([1, 2, 5, 20]))) {
      await say(rig.stage.ann, room, `text ${++said}`);
      if (at === 3 && pick([true, false])) rig.door.cut();
    }
    tab.client.start();
    while (tabs.length > 4) tabs.splice(Math.floor(random() * tabs.length), 1)[0]?.tab.client.stop();
  }
  function firstOf(tab: WatchedClient): number {
    return tabs.find((one) => one.tab === tab)?.first as number;
  }
  rig.door.down = false;
  rig.door.treated.clear();
  rig.door.cut();
  await say(rig.stage.ann, room, "the end");
  for (const { tab, first } of tabs) {
    await tab.until(() => tab.texts(room).includes("the end"), "the end", 30_000);
    expect(tab.texts(room)).toEqual([...range(first, said).map((at) => `text ${at}`), "the end"]);
    const seqs = tab.seqs(roomStream(room));
    expect(seqs).toEqual(range(seqs[0] as number, seqs.at(-1) as number));
    tab.client.stop();
  }
  uninstall();
}, 60_000);
