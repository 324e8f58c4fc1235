import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import type { Message } from "@parley/protocol";
import { Push, SYSTEM_UID } from "@parley/protocol";
import { ChatFixture, SHOP_KEY } from "../../test/chat-fixture.ts";
import { type Person, say, TestServer } from "../../test/harness.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";
import { sendOfProduct } from "./send-writes.ts";

let server: TestServer;
let door: Door;
let ann: Person;
let ben: Person;
let cai: Person;
let room: number;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
  const at = (name: string) => personAtDoor(server, door, name);
  [ann, ben, cai] = [await at("ann"), await at("ben"), await at("cai")] as [Person, Person, Person];
  room = (await door.ok<{ id: number }>("PUT", "/rooms/shop", {})).id;
  await door.ok("POST", "/rooms/shop/members", { add: ["ann", "ben"] });
}, 20_000);
afterAll(() => server.stop());

let sent = 0;
/** A text that was never sent, in the managed room. */
const text = (more: object = {}) => ({
  room: "shop",
  clientId: `c${sent++}`,
  type: 1,
  body: { content: "hello" },
  ...more,
});
const send = (message: object) =>
  door.call<Message & { code?: string; errors?: unknown }>("POST", "/messages", message);
const codeOf = async (message: object) => {
  const { status, body } = await send(message);
  return [status, body.code];
};
interface Items {
  items: { status: number; body: Message & { code?: string } }[];
}
const history = async (of: number | string = room) =>
  (await door.ok<{ items: Message[] }>("GET", `/rooms/${typeof of === "number" ? `~${of}` : of}/messages?limit=100`))
    .items;

describe("SRV-40: a message", () => {
  test("is the system's, or somebody's who is in the room, and is pushed and stored like any other", async () => {
    const live = await server.live(ben);
    const first = await send(text());
    expect(first).toMatchObject({
      status: 201,
      body: { fromUser: { uid: SYSTEM_UID }, message: { roomId: room, type: 1 } },
    });
    const second = await send(text({ from: "ann", mentions: ["ben"], replyTo: first.body.message.id }));
    expect(second.body).toMatchObject({
      fromUser: { uid: ann.uid },
      message: {
        body: { content: "hello", atUidList: [ben.uid], reply: { id: first.body.message.id, username: "System" } },
      },
    });
    for (const { body } of [first, second]) {
      const pushed = await live.frame(Push.MESSAGE, ({ data }) => data.message.id === body.message.id);
      expect(pushed.data).toEqual(body);
    }
    expect((await history()).slice(-2)).toEqual([first.body, second.body]);
    expect(await ben.api.ok("GET", `/messages/${second.body.message.id}`)).toEqual(second.body);
    const { total } = await ben.api.ok<{ total: number }>("GET", "/unread");
    expect(total).toBeGreaterThanOrEqual(2);
    const places = server.storage.db.selectFrom("room_reads").select("room_id").where("uid", "=", SYSTEM_UID);
    expect(await places.execute()).toEqual([]);
    // People answer the system, and the person in whose name the product sends has read up to that.
    await say(ben, room, "thanks");
    await send(text({ from: "ann" }));
    expect(await ann.api.ok<{ rooms: object[] }>("GET", "/unread")).toMatchObject({ rooms: [] });
  });

  test("of any kind of the product's own, which people may not send", async () => {
    const body = { kind: "order.paid", text: "Order 7 is paid", data: { order: 7 } };
    const { status, body: message } = await send(text({ type: 100, body }));
    expect([status, message.message.body]).toMatchObject([201, body]);
    const own = await ann.api.call("POST", `/rooms/${room}/messages`, { clientId: "own", type: 100, body });
    expect(own).toMatchObject({ status: 403, body: { code: "kind_not_allowed" } });
  });

  test("goes to everybody's rooms by an id of ours, and to the hall", async () => {
    const group = await server.room(ann, [ben]);
    expect((await send(text({ room: group }))).status).toBe(201);
    expect((await send(text({ room: group, from: ben.uid }))).body.fromUser.uid).toBe(ben.uid);
    expect((await send(text({ room: 1 }))).status).toBe(201);
    expect((await send(text({ room: 1, from: "cai", mentions: ["ann"] }))).status).toBe(201);
  });

  test("mentions everybody, whoever it is from, also where it opens a direct room and in the hall", async () => {
    for (const more of [{}, { from: "ben" }, { room: 1, from: "cai" }, { room: undefined, direct: ["ann", "all-1"] }]) {
      await door.ok("PUT", "/users/all-1", {});
      const { status, body } = await send(text({ ...more, mentions: "all" }));
      expect([status, body.message.body]).toMatchObject([201, { atUidList: [0] }]);
    }
    expect((await send(text({ mentions: "everybody" }))).status).toBe(400);
  });

  test.each<[what: string, message: object, answer: [number, string], path: string]>([
    ["from somebody who is not in the room", { from: "cai" }, [422, "not_member"], ""],
    ["from nobody", { from: "nobody" }, [422, "unknown_user"], "from"],
    ["from the system by its number", { from: 1 }, [422, "unknown_user"], "from"],
    ["to no room", { room: "nowhere" }, [422, "unknown_room"], "room"],
    ["to no room of ours", { room: 999_999 }, [422, "unknown_room"], "room"],
    ["that mentions nobody", { mentions: ["ann", "nobody"] }, [422, "unknown_user"], "mentions.1"],
    ["that mentions somebody who is not in the room", { mentions: ["cai"] }, [422, "unknown_user"], ""],
    ["that answers what is not there", { replyTo: 1 }, [422, "reply_unknown"], ""],
  ])("%s is refused, and nothing of it is stored", async (_, more, answer, path) => {
    const before = (await history()).length;
    const reply = await send(text(more));
    expect([reply.status, reply.body.code] as [number, string]).toEqual(answer);
    if (path) expect(reply.body.errors).toMatchObject([{ path }]);
    expect(await history()).toHaveLength(before);
  });

  test.each<[what: string, message: object, path: string]>([
    ["with a room and a direct room", { direct: ["ann", "ben"] }, ""],
    ["with neither", { room: undefined }, ""],
    ["with three people", { room: undefined, direct: ["ann", "ben", "cai"] }, "direct"],
    ["of a type that is not sent", { type: 2 }, "type"],
    ["without a type", { type: undefined }, "type"],
    ["without text", { body: { content: "" } }, "body.content"],
    ["with a room that is not a name", { room: true }, "room"],
    ["with a room that is not an id", { room: 0 }, "room"],
    ["without a clientId", { clientId: undefined }, "clientId"],
    ["with 51 mentions", { mentions: Array(51).fill("ann") }, "mentions"],
  ])("%s is malformed", async (_, more, path) => {
    const reply = await send(text(more));
    expect(reply).toMatchObject({ status: 400, body: { code: "invalid" } });
    expect((reply.body.errors as { path: string }[])[0]?.path).toBe(path);
  });

  test("keeps the rules of the room for whoever it is from, and the system is above them", async () => {
    const group = await server.room(ann, [ben]);
    await ann.api.ok("PATCH", `/rooms/${group}`, { muteAll: true });
    expect(await codeOf(text({ room: group, from: "ben" }))).toEqual([403, "forbidden"]);
    expect((await send(text({ room: group, from: "ann" }))).status).toBe(201);
    expect((await send(text({ room: group }))).status).toBe(201);
    await ann.api.ok("DELETE", `/rooms/${group}/members/${ben.uid}`);
    expect(await codeOf(text({ room: group, from: "ben" }))).toEqual([422, "not_member"]);
    await ann.api.ok("DELETE", `/rooms/${group}`);
    for (const more of [{}, { from: "ann" }]) {
      expect(await codeOf(text({ room: group, ...more }))).toEqual([422, "room_dissolved"]);
    }
  });

  test("the hall's rules hold too", async () => {
    for (const [env, answers] of [
      [{ HALL_SEND: "admins" }, [201, 403]],
      [{ HALL: "off" }, [422, 422]],
    ] as const) {
      const other = await TestServer.start(env);
      try {
        const own = await openDoor(other, "shop");
        await own.ok("PUT", "/users/ann", {});
        const replies = [
          await own.call("POST", "/messages", text({ room: 1 })),
          await own.call("POST", "/messages", text({ room: 1, from: "ann" })),
        ];
        expect(replies.map(({ status }) => status)).toEqual([...answers]);
      } finally {
        await other.stop();
      }
    }
  });
});

describe("SRV-41: a direct message", () => {
  test("opens the room of two people where there is none, and finds it afterwards", async () => {
    const live = await server.live(cai);
    const first = await send(text({ room: undefined, direct: ["ann", "cai"], from: "ann" }));
    expect(first.status).toBe(201);
    await live.frame(Push.MESSAGE, ({ data }) => data.message.id === first.body.message.id);
    const { roomId } = first.body.message;
    expect(await cai.api.ok("POST", "/rooms/direct", { userId: ann.uid })).toMatchObject({ id: roomId });
    const second = await send(text({ room: undefined, direct: [cai.uid, "ann"] }));
    expect(second.body).toMatchObject({ fromUser: { uid: SYSTEM_UID }, message: { roomId } });
  });

  test.each<[what: string, message: object, answer: [number, string]]>([
    ["between somebody and themselves", { direct: ["d1", "d1"] }, [422, "own_account"]],
    ["with nobody", { direct: ["d1", "nobody"] }, [422, "unknown_user"]],
    ["from a third person", { direct: ["d1", "d2"], from: "ann" }, [422, "not_member"]],
    ["that answers something", { direct: ["d1", "d2"], replyTo: 5 }, [422, "reply_unknown"]],
    ["that mentions a third person", { direct: ["d1", "d2"], mentions: ["ann"] }, [422, "unknown_user"]],
  ])("%s opens no room", async (_, more, answer) => {
    await door.ok("POST", "/users", { items: [{ externalId: "d1" }, { externalId: "d2" }] });
    const rooms = async () => (await server.storage.db.selectFrom("rooms").select("id").execute()).length;
    const before = await rooms();
    expect(await codeOf(text({ room: undefined, ...more }))).toEqual(answer);
    expect(await rooms()).toBe(before);
  });
});

describe("SRV-42: the same clientId again", () => {
  test("is the first message, and another message is refused, whoever it is from", async () => {
    const message = text({ from: "ann" });
    const first = await send(message);
    const again = await send(message);
    expect([first.status, again.status, again.body]).toEqual([201, 200, first.body]);
    for (const other of [
      { body: { content: "other" } },
      { from: "ben" },
      { from: undefined },
      { mentions: ["ben"] },
      { room: undefined, direct: ["ben", "cai"], from: "ben" },
    ]) {
      expect(await codeOf({ ...message, ...other })).toEqual([409, "client_id_reused"]);
    }
    // And no room was opened for it.
    expect(await ben.api.ok<{ items: object[] }>("GET", "/rooms")).not.toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ type: 2, userId: cai.uid })]),
    });
    // The same room and people under other ids make the same message.
    expect(await send({ ...message, room, from: ann.uid })).toMatchObject({ status: 200, body: first.body });
  });

  test("belongs to the key: another key and the person themselves have their own", async () => {
    const other = await openDoor(server, "other");
    const message = text({ from: "ann", clientId: "shared" });
    const ids = [
      (await send(message)).body.message.id,
      (await other.ok<Message>("POST", "/messages", message)).message.id,
      (
        await ann.api.ok<Message>("POST", `/rooms/${room}/messages`, {
          clientId: "shared",
          type: 1,
          body: { content: "mine" },
        })
      ).message.id,
    ];
    expect(new Set(ids).size).toBe(3);
    const shown = (await history()).filter(({ message: { clientId } }) => clientId === "shared");
    expect(shown.map(({ message: { id } }) => id)).toEqual(ids);
  });

  test("is answered so after a recall too, and in the export of whoever it is from", async () => {
    const message = text({ from: "ann", body: { content: "oops" } });
    const { body } = await send(message);
    await ann.api.ok("DELETE", `/messages/${body.message.id}`);
    expect(await send(message)).toMatchObject({ status: 200, body: { message: { id: body.message.id, type: 2 } } });
    const kept = await send(text({ from: "ann", body: { content: "kept" } }));
    const ids: number[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: { messages: { items: { id: number }[]; nextCursor: string | null } } = await ann.api.ok(
        "GET",
        `/me/export?cursor=${cursor}`,
      );
      ids.push(...page.messages.items.map(({ id }) => id));
      cursor = page.messages.nextCursor;
    }
    expect(ids).toContain(kept.body.message.id);
    const own = server.storage.db.selectFrom("messages").select("id").where("uid", "=", ann.uid);
    expect(ids.sort()).toEqual((await own.execute()).map(({ id }) => id).sort());
  });
});

describe("SRV-43: a list of messages", () => {
  test("has each one's result at its place, and a refused one fails no other", async () => {
    const twice = text({ from: "ann", body: { content: "twice" } });
    const items = [
      text({ body: { content: "one" } }),
      text({ from: "cai" }),
      twice,
      text({ room: "nowhere" }),
      { ...twice, room },
      { ...twice, body: { content: "thrice" } },
      text({ room: undefined, direct: ["ben", "cai"], from: "ben" }),
      text({ room: undefined, direct: ["cai", "ben"], from: "cai" }),
    ];
    const reply = await door.call<Items>("POST", "/messages", { items });
    expect(reply.status).toBe(200);
    const results = reply.body.items;
    expect(results.map(({ status, body }) => [status, body.code])).toEqual([
      ...[
        [201, undefined],
        [422, "not_member"],
        [201, undefined],
        [422, "unknown_room"],
        [200, undefined],
      ],
      ...[
        [409, "client_id_reused"],
        [201, undefined],
        [201, undefined],
      ],
    ]);
    expect(results[4]?.body).toEqual(results[2]?.body as Message);
    expect(results[6]?.body.message.roomId).toBe(results[7]?.body.message.roomId as number);
    const ids = results.filter(({ status }) => status === 201).map(({ body }) => body.message.id);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    const again = await door.call<Items>("POST", "/messages", { items });
    expect(again.body.items.map(({ status }) => status)).toEqual([200, 422, 200, 422, 200, 409, 200, 200]);
  });

  test("has 1 to 100 messages, and one that is malformed refuses all", async () => {
    const before = (await history()).length;
    for (const items of [[], Array.from({ length: 101 }, () => text()), [text(), text({ type: 7 })], "x", [null]]) {
      expect((await door.call("POST", "/messages", { items })).status).toBe(400);
    }
    const bad = await door.call<{ errors: object[] }>("POST", "/messages", { items: [text(), text({ type: 7 })] });
    expect(bad.body.errors).toMatchObject([{ path: "items.1.type" }]);
    expect(await history()).toHaveLength(before);
    const many = await door.ok<Items>("POST", "/messages", { items: Array.from({ length: 100 }, () => text()) });
    expect(many.items.every(({ status }) => status === 201)).toBe(true);
  });

  test("is one write, of one batch", async () => {
    // A server's upkeep would write beside it.
    const chat = await ChatFixture.open();
    try {
      await chat.must(SHOP_KEY, "PUT", "/server/rooms/shop", {});
      // Each batch has another time.
      let now = chat.clock.now();
      using _ticking = spyOn(chat.clock, "now").mockImplementation(() => ++now);
      using runs = spyOn(chat.scratch.writes, "run");
      const items = Array.from({ length: 50 }, () => text());
      const sent: Items = await chat.must(SHOP_KEY, "POST", "/server/messages", { items });
      expect(runs.mock.calls.map(([{ name }]) => name)).toEqual(["sendOfProduct"]);
      expect(sent.items).toHaveLength(50);
      expect(new Set(sent.items.map(({ body }) => body.message.sendTime)).size).toBe(1);
    } finally {
      await chat.close();
    }
  });

  test("takes as many statements as one message, whatever the number of lists", async () => {
    const chat = await ChatFixture.open();
    try {
      const [dan, eve] = (await chat.people(2)) as [number, number];
      const rooms = [await chat.group(dan, [eve]), await chat.group(dan, [eve])];
      const list = (count: number, from: number) => ({
        ...{ by: "key 1", keyId: 1, hall: { access: "members", send: "everyone" } as const },
        messages: Array.from({ length: count }, (_, n) => ({
          ...{ room: rooms[n % 2] as number, direct: null, from: dan, clientId: `${from + n}`, type: 1 },
          ...{ stored: { content: "x" }, replyTo: null, mentions: [eve] },
        })),
      });
      const one = await chat.statements((tx) => sendOfProduct(tx, [list(1, 0)]));
      const many = await chat.statements((tx) => sendOfProduct(tx, [list(100, 1000), list(100, 2000), list(7, 3000)]));
      expect(many).toBe(one);
      expect(one).toBeLessThan(20);
      // Where the database is far away, and the lock has been held for long, the first list alone.
      const lists = [list(2, 4000), list(2, 5000)];
      const done: unknown[] = [];
      await chat.statements(async (tx) => done.push(...(await sendOfProduct({ ...tx, roundTrips: () => 4 }, lists))));
      expect(done).toMatchObject([{ ok: true, value: [{ ok: true }, { ok: true }] }]);
    } finally {
      await chat.close();
    }
  });
});
