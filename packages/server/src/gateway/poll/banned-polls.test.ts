import { afterEach, beforeEach, expect, test } from "bun:test";
import { EventsRig } from "../../../test/events-rig.ts";

let rig: EventsRig;
beforeEach(async () => {
  rig = await EventsRig.open();
});
afterEach(() => rig.close());

test("BAN-8: a poll whose address was banned since its request came is refused, and so is one that hangs, and nobody else's", async () => {
  const [mine, other] = [rig.poll({ waitMs: 60_000 }), rig.poll({ ip: "198.51.100.9", waitMs: 60_000 })];
  await rig.hanging(2);
  rig.banned.add("203.0.113.9");
  rig.polls.endBannedAddresses();
  expect(rig.polls.hanging).toBe(1);
  expect(await mine.catch((error: unknown) => error)).toMatchObject({ code: "banned" });
  expect(await rig.poll().catch((error: unknown) => error)).toMatchObject({ code: "banned" });
  expect((await rig.poll({ ip: "198.51.100.9" })).frames).toEqual([]);
  rig.polls.release();
  await other;
});
