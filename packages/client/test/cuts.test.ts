import { describe, expect, test } from "bun:test";
import { roomStream } from "@parley/protocol";
import { withDeadline } from "../../server/src/lib/interval.ts";
import { say } from "../../server/test/harness.ts";
import { seeded } from "../../server/test/seeded.ts";
import { range } from "../../server/test/transports/stage.ts";
import { Returns } from "./rig/returns.ts";
import { ServerRig } from "./rig/rig.ts";
import { SILENT } from "./rig/watched-client.ts";

describe("a network that misbehaves", () => {
  const rig = new ServerRig();

  test.each([["websocket"], ["sse"]] as const)(
    "SDK-27: a %s connection on which nothing comes any more is left",
    async (name) => {
      const room = await rig.stage.room();
      const timing = { ...SILENT, webSocketSilenceMs: 400, sseSilenceMs: 400 };
      const options = { transports: [name] };
      const watched = rig.open(options, { timing });
      await watched.live();
      rig.door.treated.set(name, "hold-back");
      await say(rig.stage.ann, room, "on a dead connection");
      const states = watched.states.length;
      await watched.until(() => watched.states.length > states, "the end of it");
      rig.door.treated.clear();
      await watched.said(room, "on a dead connection");
    },
    20_000,
  );

  test("SDK-27: also where the clock was set back meanwhile", async () => {
    let setBackMs = 0;
    const surroundings = { now: () => Date.now() - setBackMs };
    const room = await rig.stage.room();
    const options = { transports: ["websocket"] as const };
    const watched = rig.open(options, { timing: { ...SILENT, webSocketSilenceMs: 400 }, surroundings });
    await watched.live();
    await say(rig.stage.ann, room, "the last sign of life");
    await watched.said(room, "the last sign of life");
    setBackMs = 3_600_000;
    rig.door.treated.set("websocket", "hold-back");
    const states = watched.states.length;
    await watched.until(() => watched.states.length > states, "the end of it");
    rig.door.treated.clear();
    await watched.live();
  }, 20_000);

  test("SDK-27: after a sleep of the machine the connection counts as cut", async () => {
    const room = await rig.stage.room();
    const returns = new Returns();
    let sleptMs = 0;
    const surroundings = { now: () => Date.now() + sleptMs, ...returns.surroundings };
    const watched = rig.open({}, { surroundings });
    await watched.live("websocket");
    returns.tell("focus");
    expect(watched.client.state.kind).toBe("live");
    sleptMs = 3_600_000;
    returns.tell("focus");
    await watched.until(
      () => rig.door.asked.websocket === 2 && watched.client.state.kind === "live",
      "another connection",
    );
    await say(rig.stage.ann, room, "awake");
    await watched.said(room, "awake");
  });

  test("SDK-13: over any number of cuts, blocks and changes of transport each event comes once and in order", async () => {
    const seed = Number(process.env.PARLEY_SEED ?? Date.now() % 1_000_000);
    console.log(`PARLEY_SEED=${seed}`);
    const random = seeded(seed);
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
    const room = await rig.stage.room();
    const timing = { readyMs: 150, openMs: 400, answerMs: 400, upgradeMs: 60, backoffMaxMs: 60 };
    const watched = rig.open({}, { timing, surroundings: { random } });
    await watched.live();
    let said = 0;
    for (const _ of range(1, 60)) {
      const what = pick(["block", "open", "cut", "down", "stop"]);
      if (what === "block")
        rig.door.treated.set(pick(["websocket", "sse", "poll"]), pick(["refuse", "hold-back", "busy"]));
      if (what === "open") rig.door.treated.clear();
      // Otherwise frames that were held back would be missing in the middle of a connection that goes on, which no network does.
      if (what === "block" || what === "open" || what === "cut") rig.door.cut();
      if (what === "stop") watched.client.stop();
      rig.door.down = what === "down";
      for (const at of range(1, pick([1, 2, 5, 30]))) {
        await say(rig.stage.ann, room, `text ${++said}`);
        if (at === 3 && pick([true, false])) rig.door.cut();
      }
      watched.client.start();
      const target = said - pick([0, 40]);
      const arrived = watched.until(() => watched.texts(room).length >= target, `text ${target}`, 30_000);
      // Where everything is blocked, nothing arrives until a later step opens something.
      await withDeadline(arrived, 300, "").catch(() => {});
      arrived.catch(() => {});
    }
    rig.door.treated.clear();
    rig.door.down = false;
    rig.door.cut();
    await say(rig.stage.ann, room, "the end");
    await watched.said(room, "the end");
    expect(watched.texts(room)).toEqual([...range(1, said).map((at) => `text ${at}`), "the end"]);
    const seqs = watched.seqs(roomStream(room));
    expect(seqs).toEqual(range(seqs[0] as number, seqs.at(-1) as number));
    expect(watched.resyncs).toEqual([]);
  }, 60_000);
});
