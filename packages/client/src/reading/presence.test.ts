import { beforeEach, describe, expect, spyOn, test } from "bun:test";
import { Presence, type PresentState } from "./presence.ts";

const [ANN, BEN, CAI] = [20_000, 20_001, 20_002];
let changes: (readonly number[])[];
let asked: (readonly number[])[];
let wholes: number;
let presence: Presence;
beforeEach(() => {
  changes = [];
  asked = [];
  wholes = 0;
  presence = new Presence({
    onChange: (uids) => void changes.push(uids),
    onWhole: () => void wholes++,
    ask: async (uids) => void asked.push(uids),
  });
});

const online = (uid: number, lastOptTime = 100) => ({ uid, activeStatus: 1 as const, lastOptTime });
const offline = (uid: number, lastOptTime = 100) => ({ uid, activeStatus: 2 as const, lastOptTime });
const push = (...changeList: ReturnType<typeof online | typeof offline>[]) =>
  presence.pushed({ changeList, onlineNum: 7 });
const end = (complete: boolean, ...changeList: ReturnType<typeof online>[]) =>
  presence.pushed({ changeList, onlineNum: 7, complete });
const reply = (...states: PresentState[]) => presence.learn(presence.asking(), { states });

describe("what a connection tells", () => {
  test("SDK-70: is known, each change is told once, and nothing is known of others", () => {
    push(online(ANN), offline(BEN));
    push(online(ANN));
    push(online(ANN, 150));
    push(offline(ANN, 200));
    expect(changes).toEqual([[ANN, BEN], [ANN], [ANN]]);
    expect([presence.of(ANN), presence.isOnline(BEN), presence.of(CAI), presence.onlineNum]).toEqual([
      offline(ANN, 200),
      false,
      undefined,
      7,
    ]);
    presence.pushed({ changeList: [], onlineNum: 8 });
    expect([changes.at(-1), presence.onlineNum]).toEqual([[], 8]);
  });

  test("SDK-71: an older state is ignored, one of the same time is not", () => {
    push(offline(ANN, 200));
    push(online(ANN, 100));
    expect(presence.isOnline(ANN)).toBeFalse();
    push(online(ANN, 200));
    expect(presence.isOnline(ANN)).toBeTrue();
  });

  test("SDK-71: a push overrides what another node has replied, and an older reply overrides no push", () => {
    presence.begin();
    presence.learn(presence.asking(), { states: [offline(ANN, 300)] });
    push(online(ANN, 200));
    expect(presence.isOnline(ANN)).toBeTrue();
    presence.learn(presence.asking(), { states: [offline(ANN, 100)] });
    expect(presence.isOnline(ANN)).toBeTrue();
    presence.learn(presence.asking(), { states: [offline(ANN, 400)] });
    expect(presence.isOnline(ANN)).toBeFalse();
  });

  test("SDK-71: people of whom a newer reply says something else than a push are asked for again, once and together", () => {
    const runs: (() => void)[] = [];
    const timers = spyOn(globalThis, "setTimeout").mockImplementation(((run: () => void, ms: number) => {
      if (ms === 5_000) runs.push(run);
      return 0;
    }) as never);
    try {
      presence.begin();
      push(online(ANN, 200), online(BEN, 200), online(CAI, 200));
      reply(offline(ANN, 300), online(BEN, 300), offline(CAI, 100));
      reply(online(ANN, 310), offline(BEN, 310), online(CAI, 310));
      reply(offline(ANN, 320));
      expect([runs.length, asked]).toEqual([1, []]);
      // What another connection told is not doubted: this one tells everything.
      presence.begin();
      reply(offline(ANN, 330), offline(BEN, 330));
      push(offline(CAI, 330));
      reply(online(CAI, 340));
      expect(runs).toHaveLength(1);
    } finally {
      timers.mockRestore();
    }
    for (const run of runs) run();
    expect(asked).toEqual([[ANN, CAI]]);
    reply(online(ANN, 300));
    expect(presence.isOnline(ANN)).toBeTrue();
  });

  test("SDK-71, SDK-73: a reply that is as old as a push does not override it, whichever way round they say it", () => {
    presence.begin();
    push(online(ANN, 200));
    push(offline(BEN, 200));
    presence.learn(presence.asking(), { states: [offline(ANN, 200), online(BEN, 200)] });
    expect([presence.isOnline(ANN), presence.isOnline(BEN)]).toEqual([true, false]);
  });

  test("SDK-72: at its beginning takes the place of what an earlier one said, when it is complete and not before", () => {
    presence.begin();
    push(online(ANN, 500), online(BEN), offline(CAI));
    end(true);
    presence.begin();
    // The server's clock may have been set back meanwhile.
    push(online(ANN, 50));
    expect([presence.isOnline(ANN), presence.isOnline(BEN)]).toEqual([true, true]);
    end(true);
    expect(presence.of(BEN)).toEqual({ uid: BEN, activeStatus: 2, lastOptTime: null });
    expect([presence.of(ANN), presence.of(CAI), wholes]).toEqual([online(ANN, 50), offline(CAI), 2]);
    expect(changes.at(-1)).toEqual([BEN]);
  });

  test("SDK-72: where not everybody was named, the others are asked for, and are not known until then", () => {
    presence.begin();
    push(online(ANN), online(BEN));
    end(true);
    presence.begin();
    end(false, online(ANN));
    expect([asked, presence.of(BEN), presence.isOnline(ANN)]).toEqual([[[BEN]], undefined, true]);
  });

  test("SDK-72: what says once more that it is everything changes nothing", () => {
    presence.begin();
    push(online(ANN));
    end(true);
    presence.begin();
    end(true, online(ANN));
    end(true);
    expect([presence.isOnline(ANN), wholes]).toEqual([true, 2]);
  });

  test("SDK-72: an end without a beginning, as of another tab's connection, changes nothing", () => {
    push(online(ANN));
    end(true);
    expect([presence.isOnline(ANN), wholes]).toEqual([true, 0]);
  });
});

describe("what replies tell", () => {
  test("SDK-73: is known, and is not put before a newer push", () => {
    push(offline(ANN, 200));
    reply(online(ANN, 100), online(BEN));
    expect([presence.isOnline(ANN), presence.isOnline(BEN)]).toEqual([false, true]);
    push(online(CAI));
    reply({ uid: CAI, activeStatus: 2, lastOptTime: null });
    expect(presence.isOnline(CAI)).toBeTrue();
  });

  test("SDK-73: of two replies the later request counts, whatever the times in them", () => {
    const [first, second] = [presence.asking(), presence.asking()];
    presence.learn(second, { states: [{ uid: ANN, activeStatus: 2, lastOptTime: null }] });
    presence.learn(first, { states: [online(ANN, 500)] });
    expect(presence.isOnline(ANN)).toBeFalse();
    reply(online(ANN, 5));
    expect(presence.isOnline(ANN)).toBeTrue();
  });

  test("SDK-73: 500 people are asked for at once", async () => {
    const uids = Array.from({ length: 1001 }, (_, i) => ANN + i);
    await presence.ask(uids);
    expect(asked.map(({ length }) => length)).toEqual([500, 500, 1]);
    expect(asked.flat()).toEqual(uids);
  });
});

test("SDK-74: what another tab knows takes the place of everything", () => {
  push(online(ANN, 500), online(BEN));
  presence.replace({ states: [online(ANN, 50), online(CAI)], onlineNum: 9 });
  expect([presence.isOnline(ANN), presence.of(BEN), presence.isOnline(CAI), presence.onlineNum]).toEqual([
    true,
    undefined,
    true,
    9,
  ]);
  expect(changes.at(-1)?.toSorted()).toEqual([ANN, BEN, CAI]);
  expect(presence.whole).toEqual({ states: [online(ANN, 50), online(CAI)], onlineNum: 9 });
  presence.clear();
  expect(presence.whole).toEqual({ states: [], onlineNum: undefined });
});
