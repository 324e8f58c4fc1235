import { beforeEach, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol/events";
import { ME, type ModelRoom } from "../../test/rig/model-server.ts";
import { modelStore } from "../../test/rig/model-store.ts";

const [ANN, BEN] = [20_001, 20_002];

const rig = modelStore();
let { server, client, store, settle } = rig();
beforeEach(() => {
  ({ server, client, store, settle } = rig());
});

async function connected(): Promise<void> {
  client.connect();
  await settle();
}

const texts = (room: ModelRoom) =>
  store
    .messages(room.id)
    .getSnapshot()
    .items.map(({ message }) => message.id);

describe("what comes at a bad moment", () => {
  const bodies = (room: ModelRoom) =>
    store
      .messages(room.id)
      .getSnapshot()
      .items.map(({ message }) => message.body);

  test("STO-10: what a banned person wrote is hidden in the list, in messages and where it is quoted, and shown again", async () => {
    const room = server.make([ANN, BEN, ME]);
    server.say(room, BEN, {});
    server.say(room, ANN, { quotes: room.messages[0]?.message.message.id ?? null });
    const other = server.make([BEN, ME]);
    server.say(other, BEN, {});
    await connected();
    store.messages(room.id).subscribe(() => {});
    await settle();
    const before = { list: store.rooms.getSnapshot(), bodies: bodies(room) };
    server.ban(BEN);
    await settle();
    expect(store.room(other.id).getSnapshot()?.lastMessage?.message).toMatchObject({ type: 2, body: "hidden" });
    expect(store.room(room.id).getSnapshot()?.lastMessage?.message.body).toMatchObject({ reply: { body: "hidden" } });
    expect(bodies(room)).toMatchObject(["hidden", { reply: { type: 2, body: "hidden" } }]);
    server.ban(BEN);
    await settle();
    expect({ list: store.rooms.getSnapshot(), bodies: bodies(room) }).toEqual(before);
  });

  test("STO-10: a page that was made before a ban and comes behind it is read once more", async () => {
    const room = server.make([ANN, ME]);
    server.say(room, ANN, {});
    await connected();
    store.messages(room.id).subscribe(() => {});
    await Promise.resolve();
    client.serve(0);
    server.ban(ANN);
    client.hear();
    await settle();
    expect(bodies(room)).toEqual(["hidden"]);
  });

  test("STO-2: a mark of one's own counts that comes before anything is known", async () => {
    const room = server.make([ANN, ME]);
    server.say(room, ANN, {});
    store.messages(room.id).subscribe(() => {});
    client.connect();
    server.like(room, 0, ME);
    client.hear();
    await settle();
    expect(store.messages(room.id).getSnapshot().items[0]?.message.messageMark.userLike).toBe(1);
  });

  test("STO-2: a name in a reply that is older than the one that was told counts for nothing", async () => {
    const room = server.make([ANN, BEN, ME]);
    const direct = server.make([ME, BEN], true);
    await connected();
    store.members(room.id).subscribe(() => {});
    await Promise.all([Promise.resolve(), Promise.resolve()]);
    client.serve(0);
    server.rename(ANN, "Ann anew");
    client.hear();
    client.arrive(0);
    await settle();
    expect(store.members(room.id).getSnapshot().items[1]?.name).toBe("Ann anew");
    // The same for a line of the list that is read for its room.
    client.resyncRoom(direct.id);
    await Promise.resolve();
    client.serve(0);
    server.rename(BEN, "Ben anew");
    client.hear();
    client.arrive(0);
    await settle();
    expect(store.room(direct.id).getSnapshot()?.name).toBe("Ben anew");
  });

  test("STO-4: a message from before the first one that is shown is not put in", async () => {
    const room = server.make([ANN, ME]);
    for (let at = 0; at < 8; at++) server.say(room, ANN, {});
    const [first] = server.frames.filter(({ push }) => push.type === Push.MESSAGE);
    await connected();
    store.messages(room.id).subscribe(() => {});
    await settle();
    if (first) server.frames.unshift(first);
    await settle();
    expect(texts(room)).toEqual(room.messages.slice(-3).map(({ message }) => message.message.id));
  });

  test("STO-4: the page that was asked for last counts, whichever comes last", async () => {
    const room = server.make([ANN, ME]);
    for (let at = 0; at < 20; at++) server.say(room, ANN, {});
    await connected();
    store.messages(room.id).subscribe(() => {});
    await settle();
    const far = room.messages[5]?.message.message.id as number;
    const reads = [store.messages(room.id).around(far), store.messages(room.id).newest()];
    await Promise.resolve();
    for (const at of [0, 1]) client.serve(at);
    for (const at of [1, 0]) client.arrive(at);
    await Promise.all([...reads, settle()]);
    expect(texts(room)).toEqual(room.messages.slice(-3).map(({ message }) => message.message.id));
  });

  test("STO-3: of members that were not all read, those who join beyond the last one come with their page", async () => {
    const room = server.make([ME, ANN, BEN]);
    await connected();
    store.members(room.id).subscribe(() => {});
    await settle();
    server.join(room, [20_003]);
    await settle();
    const uids = () =>
      store
        .members(room.id)
        .getSnapshot()
        .items.map(({ uid }) => uid);
    expect(uids()).toEqual([ME, ANN]);
    await Promise.all([store.members(room.id).more(), settle()]);
    expect(uids()).toEqual([ME, ANN, BEN, 20_003]);
  });
});
