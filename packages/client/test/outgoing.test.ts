import { describe, expect, test } from "bun:test";
import { range } from "../../server/test/transports/stage.ts";
import { ParleyError } from "../src/index.ts";
import { answering } from "./rig/changed-fetch.ts";
import { FakeServer } from "./rig/fake-server.ts";
import { READY } from "./rig/frames.ts";
import { MapStorage } from "./rig/map-storage.ts";
import { Returns } from "./rig/returns.ts";
import { ServerRig } from "./rig/rig.ts";

describe("sends", () => {
  const rig = new ServerRig();
  const open = (more: object = {}) => rig.open({ token: rig.stage.ann.token, ...more });

  test("SDK-40: a lost answer is asked for again, and the message is stored once", async () => {
    const room = await rig.stage.room();
    const watched = open();
    await watched.live();
    rig.door.loseAnswers = 2;
    const sent = await Promise.all(range(1, 3).map((at) => watched.client.send(room, `text ${at}`)));
    expect(sent.map(({ message }) => message.no)).toEqual([1, 2, 3]);
    await watched.said(room, "text 3");
    expect(watched.texts(room)).toEqual(["text 1", "text 2", "text 3"]);
    expect(rig.door.lines.filter((line) => line.endsWith("/messages"))).toHaveLength(5);
  });

  for (const transport of ["websocket", "sse", "long-poll", "short-poll"] as const) {
    test(`SDK-41: what a new client sends right after its start comes to its own handlers, by ${transport}`, async () => {
      const room = await rig.stage.room();
      for (const text of range(1, 5).map((at) => `at once ${at}`)) {
        const watched = open({ transports: [transport] });
        await watched.client.send(room, text);
        await watched.said(room, text);
        watched.client.stop();
      }
    });
  }

  test("SDK-41: before it has a place in the log nothing is sent, and then at once", async () => {
    const opened = Promise.withResolvers<{ send(text: string): unknown }>();
    const server = rig.use(
      new FakeServer({
        answer: ({ url }) => Response.json(url.endsWith("/messages") ? { message: { id: 1 } } : { uid: 1 }),
        socket: (socket) => opened.resolve(socket),
      }),
    );
    const watched = rig.watch({ url: server.url, token: "t", transports: ["websocket"] });
    const sent = watched.client.send(1, "hello");
    const socket = await opened.promise;
    // If the message had been sent, its request would be here before these are answered.
    for (const _ of [1, 2]) await watched.client.request("GET /me");
    expect(server.asked.filter(({ path }) => path.endsWith("/messages"))).toEqual([]);
    socket.send(READY);
    await sent;
  });

  test("SDK-41: one is under way at a time in each room, also when the client is stopped and started meanwhile", async () => {
    const [one, two] = [await rig.stage.room(), await rig.stage.room()];
    const underWay = new Map<string, number>();
    const most = new Map<string, number>();
    const counting = answering((url, _, real) => {
      if (!url.endsWith("/messages")) return undefined;
      const count = (underWay.get(url) ?? 0) + 1;
      underWay.set(url, count);
      most.set(url, Math.max(count, most.get(url) ?? 0));
      return real().finally(() => underWay.set(url, (underWay.get(url) as number) - 1));
    });
    const watched = open({ fetch: counting });
    const sends = range(1, 10).flatMap((at) => [one, two].map((room) => watched.client.send(room, `text ${at}`)));
    await watched.live();
    watched.client.stop();
    watched.client.start();
    await Promise.all(sends);
    expect([...most.values()]).toEqual([1, 1]);
  });

  test("SDK-41: what was said without a network goes out in order when it is back", async () => {
    const [one, two] = [await rig.stage.room(), await rig.stage.room()];
    const watched = open();
    await watched.live();
    rig.door.down = true;
    rig.door.cut();
    const texts = range(1, 5).map((at) => `text ${at}`);
    const sends = texts.flatMap((text) => [watched.client.send(one, text), watched.client.send(two, text)]);
    await watched.was("waiting");
    expect(watched.client.waiting).toBe(10);
    rig.door.down = false;
    await Promise.all(sends);
    await watched.said(one, "text 5");
    await watched.said(two, "text 5");
    expect([watched.texts(one), watched.texts(two)]).toEqual([texts, texts]);
    expect(watched.client.waiting).toBe(0);
  });

  test("SDK-41: what waits for its next try goes out as soon as the connection is back", async () => {
    const room = await rig.stage.room();
    const returns = new Returns();
    const timing = { backoffFirstMs: 60_000, backoffMaxMs: 60_000 };
    const watched = rig.open({ token: rig.stage.ann.token }, { timing, surroundings: returns.surroundings });
    await watched.live();
    rig.door.down = true;
    rig.door.cut();
    const sent = watched.client.send(room, "at last");
    await watched.was("waiting");
    rig.door.down = false;
    returns.tell("online");
    expect((await sent).message.no).toBe(1);
  });

  test("SDK-42: a refusal rejects that message and lets the next one go; what waits is bounded", async () => {
    const room = await rig.stage.room();
    const watched = open({ maxWaiting: 2 });
    const empty = watched.client.send(room, "x".repeat(4097));
    const right = watched.client.send(room, "right");
    const third = watched.client.send(room, "too many");
    expect(await third.catch((error) => error.code)).toBe("queue_full");
    expect(await empty.catch((error) => [error instanceof ParleyError, error.status, error.code])).toEqual([
      true,
      400,
      "invalid",
    ]);
    expect((await right).message.no).toBe(1);
  });

  test("SDK-43: what waits in a storage is sent by a later client of the same owner, once and in order", async () => {
    const room = await rig.stage.room();
    const area = new MapStorage();
    const first = open({ storage: { area, owner: "ann" } });
    await first.live();
    rig.door.down = true;
    rig.door.cut();
    for (const text of ["one", "two"]) void first.client.send(room, text).catch(() => {});
    await first.was("waiting");
    first.client.stop();
    rig.door.down = false;
    expect(area.length).toBe(2);

    const other = open({ storage: { area, owner: "somebody else" } });
    expect(other.client.waiting).toBe(0);
    other.client.stop();

    const sent: string[] = [];
    const later = open({ storage: { area, owner: "ann" } });
    const ids: unknown[] = [];
    later.client.on("sent", ({ roomId, clientId, message }) => {
      ids.push([clientId, message.message.clientId]);
      sent.push(`${roomId} ${message.message.no}`);
    });
    await later.until(() => sent.length === 2, "both");
    expect(sent).toEqual([`${room} 1`, `${room} 2`]);
    const stored = [...new Set(ids.flat())];
    expect([stored.length, ids]).toEqual([2, stored.map((id) => [id, id])]);
    expect(area.length).toBe(0);
  });

  test("SDK-44: any route can be asked, typed; a refusal has the server's code", async () => {
    const room = await rig.stage.room();
    const watched = open();
    const { client } = watched;
    const { message } = await client.send(room, "hello");
    expect((await client.request("GET /rooms/{id}", { path: { id: room } })).memberCount).toBe(2);
    const page = await client.request("GET /rooms/{id}/messages", { path: { id: room }, query: { limit: 1 } });
    expect(page.items[0]?.message.id).toBe(message.id);
    expect((await client.markRead(room, message.seq)).unread).toBe(0);
    expect((await client.recall(message.id)).message.type).toBe(2);
    const error = await client.recall(message.id).catch((refused) => refused);
    expect([error instanceof ParleyError, error.code, error.status]).toEqual([true, "already_recalled", 422]);
    // @ts-expect-error: there is no such route
    const nowhere = await client.request("GET /nowhere", {}).catch((refused) => refused);
    expect((nowhere as ParleyError).code).toBe("not_found");
    client.stop();
  });
});
