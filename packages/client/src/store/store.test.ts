import { beforeEach, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol/events";
import { workedMs } from "../../../server/src/lib/uptime.ts";
import { ME, type ModelRoom } from "../../test/rig/model-server.ts";
import { modelStore } from "../../test/rig/model-store.ts";

const [ANN, BEN] = [20_001, 20_002];

const rig = modelStore();
let { server, client, store, errors, settle } = rig();
beforeEach(() => {
  ({ server, client, store, errors, settle } = rig());
});

async function connected(): Promise<void> {
  client.connect();
  await settle();
}

const asked = () => client.asked.map(({ route }) => route);
const ids = () => store.rooms.getSnapshot().map(({ id }) => id);
const texts = (room: ModelRoom) =>
  store
    .messages(room.id)
    .getSnapshot()
    .items.map(({ message }) => message.id);

describe("snapshots", () => {
  test("STO-1: a snapshot is the same until something in it is different, and is never changed afterwards", async () => {
    const [one, other] = [server.make([ANN, ME]), server.make([BEN, ME])];
    await connected();
    const [rooms, line, far] = [store.rooms, store.room(one.id), store.room(other.id)];
    const before = { list: rooms.getSnapshot(), line: line.getSnapshot(), far: far.getSnapshot() };
    const copy = structuredClone(before);
    expect(rooms.getSnapshot()).toBe(before.list);
    let [heard, heardFar] = [0, 0];
    line.subscribe(() => void heard++);
    far.subscribe(() => void heardFar++);
    server.say(one, ANN, {});
    client.hear();
    expect([heard, heardFar]).toEqual([1, 0]);
    expect([rooms.getSnapshot() === before.list, line.getSnapshot() === before.line]).toEqual([false, false]);
    expect(far.getSnapshot()).toBe(before.far as never);
    expect(before).toEqual(copy);
  });

  test("STO-1: a listener hears when everything is whole, once for an event, until it ends; the same function may listen twice", async () => {
    const room = server.make([ANN, ME]);
    await connected();
    const seen: unknown[] = [];
    const look = () => void seen.push([store.unread.getSnapshot().total, store.room(room.id).getSnapshot()?.unread]);
    const [end, endAgain] = [store.room(room.id).subscribe(look), store.room(room.id).subscribe(look)];
    server.say(room, ANN, {});
    client.hear();
    endAgain();
    server.say(room, ANN, {});
    client.hear();
    end();
    end();
    server.say(room, ANN, {});
    client.hear();
    expect(seen).toEqual([
      [1, 1],
      [1, 1],
      [2, 2],
    ]);
  });

  test("STO-1: what a listener throws goes to `onError`, and the others hear all the same", async () => {
    const room = server.make([ANN, ME]);
    await connected();
    let heard = 0;
    store.room(room.id).subscribe(() => {
      throw new Error("of the product");
    });
    store.rooms.subscribe(() => void heard++);
    store.subscribe(() => void heard++);
    server.say(room, ANN, {});
    client.hear();
    expect([heard, errors.map((error) => (error as Error).message)]).toEqual([2, ["of the product"]]);
  });
});

describe("what is read, and when", () => {
  test("STO-3: nothing is read before the client has its place in the log; what was wanted until then is read with it", async () => {
    const room = server.make([ANN, ME]);
    server.say(room, ANN, {});
    store.messages(room.id).subscribe(() => {});
    await settle();
    expect([asked(), store.state.getSnapshot()]).toEqual([[], "loading"]);
    await connected();
    expect([store.state.getSnapshot(), texts(room).length, ids()]).toEqual(["ready", 1, [room.id]]);
  });

  test("STO-3: messages and members of a room are read once somebody looks, and names when they are shown", async () => {
    const room = server.make([ANN, BEN, ME]);
    await connected();
    store.person(BEN).getSnapshot();
    expect(asked()).toEqual([]);
    const end = store.person(BEN).subscribe(() => {});
    store.members(room.id).subscribe(() => {});
    await settle();
    expect(store.person(BEN).getSnapshot()?.name).toBe("name of 20002");
    expect(store.members(room.id).getSnapshot()).toMatchObject({ hasMore: true, items: [{ uid: ME }, { uid: ANN }] });
    await Promise.all([store.members(room.id).more(), settle()]);
    expect(store.members(room.id).getSnapshot()).toMatchObject({ hasMore: false, items: [{}, {}, { uid: BEN }] });
    end();
  });

  test("STO-3: what the server does not show is refused, and shown once it does", async () => {
    const room = server.make([ANN, ME]);
    server.leave(room, ME);
    await connected();
    store.members(room.id).subscribe(() => {});
    await settle();
    expect(store.members(room.id).getSnapshot().state).toBe("refused");
    server.join(room, [ME]);
    await settle();
    expect(store.members(room.id).getSnapshot()).toMatchObject({ state: "ready", items: [{ uid: ME }, { uid: ANN }] });
  });

  test("STO-3: a stopped store asks for nothing more and hears nothing more", async () => {
    const room = server.make([ANN, ME]);
    await connected();
    store.messages(room.id).subscribe(() => {});
    store.stop();
    server.say(room, ANN, {});
    await settle();
    expect([texts(room), store.room(room.id).getSnapshot()?.unread]).toEqual([[], 0]);
  });
});

describe("messages of a room", () => {
  let room: ModelRoom;
  beforeEach(async () => {
    room = server.make([ANN, ME]);
    for (let at = 0; at < 20; at++) server.say(room, ANN, {});
    await connected();
    store.messages(room.id).subscribe(() => {});
    await settle();
  });
  const all = () => room.messages.map(({ message }) => message.message.id);
  const go = (how: "older" | "newer" | "newest") => Promise.all([store.messages(room.id)[how](), settle()]);
  const edges = () => {
    const { hasOlder, hasNewer } = store.messages(room.id).getSnapshot();
    return [hasOlder, hasNewer];
  };

  test("STO-4: pages go both ways, and beyond the bound the far end goes", async () => {
    expect([texts(room), edges()]).toEqual([all().slice(-3), [true, false]]);
    await go("older");
    expect([texts(room), edges()]).toEqual([all().slice(-6), [true, false]]);
    await go("older");
    expect([texts(room), edges()]).toEqual([all().slice(-9, -3), [true, true]]);
    server.say(room, ANN, {});
    await settle();
    expect(texts(room)).toEqual(all().slice(-10, -4));
    await go("newer");
    await go("newer");
    expect([texts(room), edges()]).toEqual([all().slice(-6), [true, false]]);
    for (let back = 0; back < 10; back++) await go("older");
    expect([texts(room), edges()]).toEqual([all().slice(0, 6), [false, true]]);
    await go("newest");
    expect([texts(room), edges()]).toEqual([all().slice(-3), [true, false]]);
  });

  test("STO-4: older ones are found again where new messages have cut off the beginning", async () => {
    for (let at = 0; at < 5; at++) server.say(room, ANN, {});
    await settle();
    expect(texts(room)).toEqual(all().slice(-6));
    await go("older");
    expect([texts(room), edges()]).toEqual([all().slice(-9, -3), [true, true]]);
  });

  test("STO-4: a page from before a beginning that was cut off meanwhile leaves no gap", async () => {
    await go("older");
    const older = store.messages(room.id).older();
    await Promise.resolve();
    client.serve(0);
    for (let at = 0; at < 2; at++) server.say(room, ANN, {});
    while (client.hear());
    await Promise.all([older, settle()]);
    expect(texts(room)).toEqual(all().slice(-6));
  });

  test("STO-4: around a message", async () => {
    const id = all()[10] as number;
    await Promise.all([store.messages(room.id).around(id), settle()]);
    expect([texts(room), edges()]).toEqual([all().slice(7, 13), [true, true]]);
  });

  test("STO-4: rooms that nobody looks at any more are kept for a while, up to twenty", async () => {
    const others = Array.from({ length: 30 }, () => server.make([ANN, ME]));
    await settle();
    for (const other of others) store.messages(other.id).subscribe(() => {})();
    await settle();
    const kept = others.filter((other) => store.messages(other.id).getSnapshot().state !== "loading");
    expect(kept.map(({ id }) => id)).toEqual(others.slice(-kept.length).map(({ id }) => id));
    expect([kept.length > 15, kept.length <= 20, texts(room).length]).toEqual([true, true, 3]);
  });
});

test("STO-5: an event costs no look at all rooms: 20 000 of them in 5 000 rooms are a moment", async () => {
  for (let at = 0; at < 4_998; at++) server.make([ANN, ME]);
  const [one, other] = [server.make([ANN, ME]), server.make([ANN, ME])];
  // One page for all of them.
  client.reloadAtOnce = true;
  await connected();
  expect(ids().length).toBe(5_000);
  const far = store.room(5).getSnapshot();
  for (let at = 0; at < 10_000; at++) for (const room of [one, other]) server.say(room, ANN, {});
  let told = 0;
  store.rooms.subscribe(() => void told++);
  const before = workedMs();
  while (client.hear());
  const ms = workedMs() - before;
  expect(told).toBe(20_000);
  // Copying or scanning 5 000 rooms for each event would take far more than ten seconds of work.
  expect(ms).toBeLessThan(2_000);
  expect([ids().slice(0, 2), store.room(5).getSnapshot() === far]).toEqual([[other.id, one.id], true]);
}, 30_000);

describe("names", () => {
  test("STO-6: names that were changed while the client was away are read when it is back, for what is shown", async () => {
    const [room, direct] = [server.make([ANN, BEN, ME]), server.make([ME, BEN], true)];
    server.say(room, BEN, {});
    server.say(room, ANN, { quotes: room.messages[0]?.message.message.id ?? null });
    await connected();
    store.members(room.id).subscribe(() => {});
    store.messages(room.id).subscribe(() => {});
    await Promise.all([store.members(room.id).more(), settle()]);
    server.rename(BEN, "Ben anew");
    server.frames.length = 0;
    client.reconnect();
    await settle();
    await Promise.all([store.members(room.id).more(), settle()]);
    const reply = store.messages(room.id).getSnapshot().items[1]?.message.body as { reply: { username: string } };
    expect([store.room(direct.id).getSnapshot()?.name, reply.reply.username]).toEqual(["Ben anew", "Ben anew"]);
  });

  test("STO-6: somebody unknown who joins has no name until it is read", async () => {
    const room = server.make([ME, BEN]);
    await connected();
    store.members(room.id).subscribe(() => {});
    await settle();
    server.join(room, [ANN]);
    client.hear();
    const names = () =>
      store
        .members(room.id)
        .getSnapshot()
        .items.map(({ name }) => name);
    expect(names()).toEqual(["name of 20000", "", "name of 20002"]);
    await settle();
    expect(names()).toEqual(["name of 20000", "name of 20001", "name of 20002"]);
  });
});

test("STO-7: the next user sees nothing of what the one before had", async () => {
  const room = server.make([ANN, ME]);
  await connected();
  store.messages(room.id).subscribe(() => {});
  await settle();
  client.tell({ type: Push.LOGIN_SUCCESS, data: { uid: BEN, name: "Ben", avatar: "", token: "t", power: 0 } });
  expect([ids(), store.me.getSnapshot(), store.state.getSnapshot()]).toEqual([[], undefined, "loading"]);
  await settle();
  expect(store.state.getSnapshot()).toBe("ready");
});
