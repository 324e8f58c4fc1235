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

const turn = () => new Promise((resolve) => setImmediate(resolve));

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

  const HIDDEN = { type: 2, body: "This message is hidden" };

  test("STO-10: what a banned person wrote is hidden where it stands and where it is quoted, and read when the ban ends", async () => {
    const room = server.make([ANN, BEN, ME]);
    server.say(room, BEN, {});
    server.say(room, ANN, { quotes: room.messages[0]?.message.message.id ?? null });
    const [other, answered] = [server.make([BEN, ME]), server.make([ANN, BEN, ME])];
    for (const one of [other, answered]) server.say(one, BEN, {});
    server.say(answered, ANN, {});
    await connected();
    for (const one of [room, answered]) store.messages(one.id).subscribe(() => {});
    await settle();
    const all = () => ({ list: store.rooms.getSnapshot(), bodies: [room, answered].map(bodies) });
    const before = all();
    server.ban(BEN);
    client.hear();
    expect(store.room(other.id).getSnapshot()?.lastMessage?.message).toMatchObject(HIDDEN);
    expect(store.room(room.id).getSnapshot()?.lastMessage?.message.body).toMatchObject({ reply: HIDDEN });
    expect(bodies(room)).toMatchObject([HIDDEN.body, { reply: HIDDEN }]);
    expect(bodies(answered)).toMatchObject([HIDDEN.body, { reply: null }]);
    await turn();
    expect(client.asked).toEqual([]);
    server.ban(BEN);
    await settle();
    expect(all()).toEqual(before);
  });

  test("STO-10: the end of a ban has nothing read of rooms that show nothing of its person as hidden", async () => {
    const room = server.make([ANN, BEN, ME]);
    server.say(room, BEN, {});
    server.recall(room, 0);
    server.say(room, ANN, { quotes: room.messages[0]?.message.message.id ?? null });
    await connected();
    store.messages(room.id).subscribe(() => {});
    await settle();
    const before = bodies(room);
    server.ban(BEN);
    client.hear();
    expect(bodies(room)).toEqual(before);
    server.ban(BEN);
    client.hear();
    await turn();
    expect(client.asked).toEqual([]);
  });

  test("STO-10: a page that was made before a ban and comes behind it is hidden, and one from a ban that has ended is read again", async () => {
    const room = server.make([ANN, ME]);
    server.say(room, ANN, {});
    await connected();
    store.messages(room.id).subscribe(() => {});
    await Promise.resolve();
    client.serve(0);
    server.ban(ANN);
    client.hear();
    client.arrive(0);
    await settle();
    expect(bodies(room)).toEqual([HIDDEN.body]);
    const other = server.make([ANN, ME]);
    await settle();
    store.messages(other.id).subscribe(() => {});
    await turn();
    server.ban(ANN);
    for (const uid of [ANN, ME]) server.say(other, uid, {});
    server.ban(ANN);
    client.serve(0);
    server.ban(ANN);
    while (client.hear());
    client.arrive(0);
    await settle();
    expect([bodies(room), bodies(other)]).toMatchObject([[{ content: "text 3" }], [{ content: "text 8" }, {}]]);
  });

  test("STO-10: a list of rooms that was made before a ban and comes behind it is hidden", async () => {
    const room = server.make([ANN, ME]);
    server.say(room, ANN, {});
    client.connect();
    await turn();
    client.serve(0);
    client.arrive(0);
    await turn();
    client.serve(client.asked.findIndex(({ route }) => route === "GET /rooms"));
    server.ban(ANN);
    client.hear();
    client.arrive(0);
    await settle();
    expect(store.room(room.id).getSnapshot()?.lastMessage?.message).toMatchObject(HIDDEN);
  });

  test("STO-2: the user's mark counts even if it comes before anything is known", async () => {
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
    // The same for a line of the list that is read again for its room.
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
