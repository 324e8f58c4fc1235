import { afterAll, beforeAll, expect, test } from "bun:test";
import { Push, userStream } from "@parley/protocol";
import { administrator } from "../../test/administrator.ts";
import { type Person, say, TestServer } from "../../test/harness.ts";
import { sendHidden } from "../../test/hidden-message.ts";
import type { LivePerson } from "./person-actions.ts";

let server: TestServer;
let root: Person;
let ann: Person;
let ben: Person;
beforeAll(async () => {
  server = await TestServer.start();
  root = await administrator(server, "root");
  [ann, ben] = [await server.person("ann"), await server.person("ben")];
}, 20_000);
afterAll(() => server.stop());

const look = ({ uid }: Pick<Person, "uid">) => root.api.ok<LivePerson>("GET", `/admin/users/${uid}/live`);

test("ADM-8: what is live of a person: state, connections, rooms, unread, and whether they are kept out", async () => {
  const room = await server.room(ben, [ann]);
  await say(ben, room, "hello");
  const away = await look(ann);
  expect(away).toMatchObject({ uid: ann.uid, name: "ann", power: 0, disabled: false, ban: null, activeStatus: 2 });
  expect(away).toMatchObject({ connections: [], rooms: 1, unread: 1, lastOptTime: null });
  const live = await server.live(ann, { headers: { "X-Forwarded-For": "203.0.113.7" } });
  expect(await look(ann)).toMatchObject({
    activeStatus: 1,
    lastOptTime: expect.any(Number),
    connections: [{ transport: "websocket", uid: ann.uid, ip: "203.0.113.7", rooms: 1, state: "live" }],
  });
  const until = Date.now() + 60_000;
  await root.api.ok("PUT", `/admin/bans/users/${ann.uid}`, { until, reason: "spam" });
  await live.ended();
  expect(await look(ann)).toMatchObject({ ban: { until, reason: "spam" }, connections: [] });
  await root.api.ok("DELETE", `/admin/bans/users/${ann.uid}`);
});

test("ADM-8: the last 100 events of their own stream, the newest first, and no text of a message", async () => {
  const room = await server.room(ben, [ann]);
  await sendHidden(server, ann, { roomId: room, content: "SECRET" });
  const { events } = await look(ann);
  expect(events.slice(0, 2)).toMatchObject([
    { type: Push.MESSAGE, stream: userStream(ann.uid), data: null, messageId: expect.any(Number) },
    { type: Push.MEMBER_CHANGE, stream: userStream(ann.uid), data: { roomId: room, uid: ann.uid } },
  ]);
  expect(JSON.stringify(events)).not.toContain("SECRET");
  for (let n = 0; n < 60; n++) {
    for (const pinned of [true, false]) await ann.api.ok("PATCH", `/rooms/${room}/settings`, { pinned });
  }
  const later = (await look(ann)).events;
  expect(later).toHaveLength(100);
  expect(later.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, n) => (later[0]?.seq as number) - n));
  expect(later[0]).toMatchObject({ type: Push.SELF, data: { roomId: room, pinned: false } });
}, 20_000);

test("ADM-8: each look is noted, and nobody else is told; there is nobody where nobody is", async () => {
  await look(ben);
  const { items } = await root.api.ok<{ items: object[] }>("GET", "/admin/audit?limit=1");
  expect(items).toMatchObject([{ act: "user.look", uid: root.uid, target: `${ben.uid}`, before: null, after: null }]);
  for (const uid of [1, 99_999]) {
    expect((await root.api.call("GET", `/admin/users/${uid}/live`)).status).toBe(404);
  }
  const again = await root.api.ok<{ items: object[] }>("GET", "/admin/audit?limit=1");
  expect(again.items).toEqual(items);
});
