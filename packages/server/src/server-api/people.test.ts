import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ApiClient } from "../../test/api-client.ts";
import { PASSWORD, TestServer } from "../../test/harness.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";
import { Internal } from "../identity/internal-events.ts";
import { createRoom } from "../rooms/room-writes.ts";

let server: TestServer;
let door: Door;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
}, 20_000);
afterAll(() => server.stop());

const path = (externalId: string) => `/users/${encodeURIComponent(externalId)}`;
interface Person {
  uid: number;
  externalId: string | null;
  name: string;
  avatar: string;
  createdAt: number;
}
const put = (externalId: string, fields: object = {}) => door.ok<Person>("PUT", path(externalId), fields);

describe("SRV-20: a person is named", () => {
  test.each([
    ["a plain id", "42"],
    ["an address", "ada+work@example.com"],
    ["what has a meaning in an address", "a/b?c#d%2F;e&f=g"],
    ["a percent sign alone", "100%"],
    ["what looks like an encoded tilde", "%7E5"],
    ["a space, a plus", "ada lovelace+1"],
    ["other letters", "Ада Λ 愛"],
    ["128 characters of four bytes", "😀".repeat(128)],
    ["dots", "..."],
    ["a tilde inside", "a~1"],
  ])("by %s, in the path, in the reply and again", async (_, externalId) => {
    const made = await put(externalId, { name: "Somebody" });
    expect(made.externalId).toBe(externalId);
    expect(await door.ok<Person>("GET", path(externalId))).toEqual(made);
    expect(await door.ok<Person>("GET", `/users/~${made.uid}`)).toEqual(made);
  });

  test.each([
    ["129 characters", "x".repeat(129)],
    ["a tilde and letters", "~ada"],
    ["a tilde and no plain number", "~020000"],
    ["a tilde alone", "~"],
    ["a line break", "a\nb"],
    ["blanks only", "   "],
  ])("and not by %s", async (_, externalId) => {
    const reply = await door.call("PUT", path(externalId), {});
    expect(reply).toMatchObject({ status: 400, body: { code: "invalid", errors: [{ path: "user" }] } });
  });

  test.each(["%", "100%", "%zz", "%ED%A0%80", "a%C3"])("and not by %s, which encodes nothing", async (text) => {
    const reply = await door.call("PUT", `/users/${text}`, {});
    expect(reply).toMatchObject({ status: 400, body: { code: "invalid", errors: [{ path: "" }] } });
  });

  test("and not by what no address can have", async () => {
    for (const externalId of [".", "..", "~1", ""]) {
      const reply = await door.call<{ errors: [object] }>("POST", "/users", { items: [{ externalId }] });
      expect([reply.status, reply.body.errors[0]]).toMatchObject([400, { path: "items.0.externalId" }]);
    }
  });
});

describe("SRV-21: PUT", () => {
  test("gives a name of up to 64 characters, which people are shown as the document says", async () => {
    const name = "😀".repeat(64);
    const { uid } = await put("long", { name });
    const { api } = await personAtDoor(server, door, "reader");
    expect((await api.ok<Person>("GET", `/users/${uid}`)).name).toBe(name);
    const reply = await door.call("PUT", "/users/long", { name: `${name}x` });
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ path: "name" }] } });
  });

  test("makes a person, and then changes what is given", async () => {
    const first = await door.call<Person>("PUT", "/users/m1", { name: "Ada", avatar: "/a.png" });
    const { uid, createdAt } = first.body;
    const ada = { uid, externalId: "m1", name: "Ada", avatar: "/a.png", createdAt };
    expect([first.status, first.body]).toEqual([201, ada]);
    const renamed = await door.call("PUT", "/users/m1", { name: "Ada L." });
    expect([renamed.status, renamed.body]).toEqual([200, { ...ada, name: "Ada L." }]);
    const again = await door.call("PUT", "/users/m1");
    expect([again.status, again.body]).toEqual([200, { ...ada, name: "Ada L." }]);
    expect(await server.api.call("GET", "/users/m1")).toMatchObject({ status: 401 });
  });

  test("without a name shows a new person by their external id, as much of it as fits", async () => {
    expect((await put("ada@example.com")).name).toBe("ada@example.com");
    expect((await put("y".repeat(100))).name).toBe("y".repeat(64));
    expect((await put("\u202eabc")).name).toBe("User");
  });

  test("takes a name of 1 to 64 characters, which others may have too, and by which nobody signs in", async () => {
    const named = await server.person("Grace");
    const twins = [await put("t1", { name: "Grace" }), await put("t2", { name: "Grace" })];
    expect(new Set([named.uid, ...twins.map(({ uid }) => uid)]).size).toBe(3);
    expect((await put("t3", { name: "x".repeat(64) })).name).toHaveLength(64);
    expect((await door.call("PUT", "/users/t3", { name: "x".repeat(65) })).status).toBe(400);
    expect((await door.call("PUT", "/users/t3", { name: " " })).status).toBe(400);
    await put("t4", { name: "Heidi" });
    const signIn = (name: string) => server.api.call("POST", "/logins", { name, password: PASSWORD });
    expect((await signIn("Heidi")).status).toBe(401);
    expect((await signIn(`heidi EXTERNAL ${twins[0]?.uid}`)).status).toBe(401);
    // The name is still there for somebody who signs in by it.
    await server.person("Heidi");
    expect((await signIn("heidi")).status).toBe(201);
  });

  test("people find each other by how their names begin, whoever made them", async () => {
    const zoe = await server.person("Zoë C");
    const zoes = [await put("z1", { name: "Zoë A" }), await put("z2", { name: "zoë b" }), zoe];
    const { items } = await zoe.api.ok<{ items: Person[] }>("GET", "/users?query=ZOË");
    expect(items.map(({ uid }) => uid)).toEqual(zoes.map(({ uid }) => uid));
    // An external id is the product's own business.
    const pages = JSON.stringify(await zoe.api.ok("GET", "/users?query=zoë&limit=1"));
    const { nextCursor } = JSON.parse(pages);
    expect(pages + Buffer.from(nextCursor, "base64url").toString()).not.toContain("z1");
  });

  test("by an id of ours reaches people who made their account here, by the rules of their names", async () => {
    const ivy = await server.person("ivy");
    await server.person("joe");
    const changed = await door.call<Person>("PUT", `/users/~${ivy.uid}`, { name: "Ivy", avatar: "/i.png" });
    expect([changed.status, changed.body]).toMatchObject([200, { uid: ivy.uid, externalId: null, name: "Ivy" }]);
    expect(await door.call("PUT", `/users/~${ivy.uid}`, { name: "Joe" })).toMatchObject({
      status: 409,
      body: { code: "name_taken" },
    });
    const long = await door.call("PUT", `/users/~${ivy.uid}`, { name: "x".repeat(33) });
    expect(long).toMatchObject({ status: 400, body: { errors: [{ path: "name" }] } });
    for (const nobody of ["~9999999", "~1"]) {
      expect(await door.call("PUT", `/users/${nobody}`, { name: "x" })).toMatchObject({ status: 404 });
      expect(await door.call("GET", `/users/${nobody}`)).toMatchObject({ status: 404 });
    }
  });

  test("a new name or picture is told like one that people change themselves, and no change is not", async () => {
    const ann = await personAtDoor(server, door, "told-ann");
    const ben = await personAtDoor(server, door, "told-ben");
    await server.room(ann, [ben]);
    const live = await server.live(ben);
    const told = async () => {
      const events = server.storage.db.selectFrom("events").select("pos").where("type", "=", Internal.USER_CHANGED);
      return (await events.execute()).length;
    };
    const before = await told();
    await put("told-ann", { name: "told-ann", avatar: "" });
    await put("told-ann");
    expect(await told()).toBe(before);
    const { uid } = await put("told-ann", { name: "Ann", avatar: "/n.png" });
    const frame = await live.frame(Push.USER);
    expect(frame.data).toMatchObject({ uid, name: "Ann", avatar: "/n.png" });
    expect(await told()).toBe(before + 1);
    expect(await ann.api.ok("GET", "/me")).toMatchObject({ uid, name: "Ann" });
  });

  test("people of the product may change their own name, which stays one that is shown only", async () => {
    const kim = await personAtDoor(server, door, "own-kim");
    await server.person("Leo");
    expect(await kim.api.ok("PATCH", "/me", { name: "Leo" })).toMatchObject({ uid: kim.uid, name: "Leo" });
    expect(await door.ok("GET", "/users/own-kim")).toMatchObject({ name: "Leo", externalId: "own-kim" });
    expect(await kim.api.ok("GET", "/me/export")).toMatchObject({ account: { externalId: "own-kim" } });
  });
});

test("SRV-21: a body of another type is not taken for none", async () => {
  // Bytes, with which nothing is said of their type.
  const body = new TextEncoder().encode('{"name":"Typed"}');
  const ask = (headers: Record<string, string>) =>
    fetch(`${server.url}/api/v1/server/users/typed`, {
      method: "PUT",
      headers: { Authorization: `Bearer ${door.key}`, ...headers },
      body,
    });
  expect((await ask({})).status).toBe(415);
  expect((await ask({ "Content-Type": "application/x-www-form-urlencoded" })).status).toBe(415);
  expect((await ask({ "Content-Type": "application/json; charset=utf-8" })).status).toBe(201);
});

describe("SRV-22: a list of people", () => {
  test("has each one's result at its place, in the order of the list", async () => {
    const ann = await put("l-ann", { name: "Ann" });
    const items = [
      { externalId: "l-ben", name: "Ben" },
      { externalId: "l-ann", name: "Anne" },
      { externalId: "l-ben", avatar: "/b.png" },
      { externalId: "l-ann" },
    ];
    const reply = await door.call<{ items: { status: number; body: Person }[] }>("POST", "/users", { items });
    expect(reply.status).toBe(200);
    const ben = reply.body.items[0]?.body.uid;
    expect(reply.body.items).toMatchObject([
      { status: 201, body: { uid: ben, externalId: "l-ben", name: "Ben", avatar: "" } },
      { status: 200, body: { uid: ann.uid, name: "Anne" } },
      { status: 200, body: { uid: ben, name: "Ben", avatar: "/b.png" } },
      { status: 200, body: { uid: ann.uid, name: "Anne" } },
    ]);
    expect(await door.ok("GET", "/users/l-ben")).toEqual(reply.body.items[2]?.body);
  });

  test("has 1 to 100 people, and one that is malformed refuses all", async () => {
    const items = Array.from({ length: 101 }, (_, n) => ({ externalId: `many-${n}` }));
    expect((await door.call("POST", "/users", { items })).status).toBe(400);
    expect((await door.call("POST", "/users", { items: [] })).status).toBe(400);
    const all = items.slice(0, 100);
    const bad = [...all.slice(0, 99), { externalId: "many-99", name: "" }];
    expect(await door.call("POST", "/users", { items: bad })).toMatchObject({
      status: 400,
      body: { errors: [{ path: "items.99.name" }] },
    });
    expect((await door.call("GET", "/users/many-0")).status).toBe(404);
    const made = await door.ok<{ items: { status: number }[] }>("POST", "/users", { items: all });
    expect(made.items.map(({ status }) => status)).toEqual(Array(100).fill(201));
  });

  test("new people have their place in the hall, and their accounts are like others", async () => {
    const ned = await personAtDoor(server, door, "l-ned");
    const ola = await server.person("ola");
    await ola.api.ok("POST", "/rooms/1/messages", { clientId: "hall", type: 1, body: { content: "hello" } });
    expect(await ned.api.ok("GET", "/unread")).toMatchObject({ rooms: [{ roomId: 1, unread: 1 }] });
    const late = await personAtDoor(server, door, "l-late");
    expect(await late.api.ok("GET", "/unread")).toMatchObject({ rooms: [] });
  });
});

describe("SRV-23: DELETE", () => {
  test("ends the person's tokens, frees the external id, and may be repeated", async () => {
    const ann = await personAtDoor(server, door, "d-ann");
    const live = await server.live(ann);
    expect((await door.call("DELETE", "/users/d-ann")).status).toBe(204);
    expect((await live.ended()).code).toBe(4001);
    expect((await ann.api.call("GET", "/me")).status).toBe(401);
    expect((await door.call("GET", "/users/d-ann")).status).toBe(404);
    expect((await door.call("GET", `/users/~${ann.uid}`)).status).toBe(404);
    for (const who of ["d-ann", `~${ann.uid}`, "never-there", "~8888888"]) {
      expect((await door.call("DELETE", `/users/${who}`)).status).toBe(204);
    }
    const again = await door.call<Person>("PUT", "/users/d-ann", {});
    expect(again.status).toBe(201);
    expect(again.body.uid).not.toBe(ann.uid);
    // Older tokens do not come back with the name.
    expect((await ann.api.call("GET", "/me")).status).toBe(401);
  });

  test("groups that they own go on without an owner, and the others are told", async () => {
    const [ann, ben] = [await personAtDoor(server, door, "g-ann"), await personAtDoor(server, door, "g-ben")];
    const rooms = [await server.room(ann, [ben]), await server.room(ann, [ben])];
    const others = await server.room(ben, [ann]);
    const live = await server.live(ben);
    expect((await ann.api.call("DELETE", "/me")).status).toBe(422);
    await door.ok("DELETE", "/users/g-ann");
    for (const roomId of rooms) {
      const told = await live.frame(Push.ROOM, ({ data }) => data.roomId === roomId);
      expect(told.data).toEqual({ roomId, ownerId: null });
      await live.frame(
        Push.MEMBER_UPDATE,
        ({ data }) => data.roomId === roomId && data.uid === ann.uid && data.role === 3,
      );
      expect(await ben.api.ok("GET", `/rooms/${roomId}`)).toMatchObject({ ownerId: null, role: 3 });
      await ben.api.ok("POST", `/rooms/${roomId}/messages`, {
        clientId: `g${roomId}`,
        type: 1,
        body: { content: "on" },
      });
    }
    expect(await ben.api.ok("GET", `/rooms/${others}`)).toMatchObject({ ownerId: ben.uid });
    const { items } = await ben.api.ok<{ items: unknown[] }>("GET", `/rooms/${rooms[0]}/members`);
    expect(items).toContainEqual(expect.objectContaining({ uid: ann.uid, name: "Deleted user", role: 3 }));
  });

  test("also where they own more groups than one write gives up", async () => {
    const ann = await personAtDoor(server, door, "many-rooms");
    const room = { uid: ann.uid, name: "g", memberIds: [], history: "all" as const };
    const made = Array.from({ length: 205 }, () => server.storage.writes.run(createRoom, room));
    expect(await Promise.all(made)).toHaveLength(205);
    await door.ok("DELETE", "/users/many-rooms");
    const rows = await server.storage.db.selectFrom("rooms").select("id").where("owner_uid", "=", ann.uid).execute();
    expect(rows).toEqual([]);
  });
});

describe("SRV-24: a token", () => {
  test("signs its person in, lives as long as was asked for, and a refresh does not prolong that", async () => {
    await put("tok", { name: "Tok" });
    const before = Date.now();
    const { token, expiresAt } = await door.ok<{ token: string; expiresAt: number }>("POST", "/users/tok/tokens", {
      ttlSeconds: 60,
    });
    expect(token).toMatch(/^pl_[A-Za-z0-9_-]{43}$/);
    expect(expiresAt - before).toBeWithin(60_000, 70_000);
    const own = new ApiClient(server.url, token);
    expect(await own.ok("GET", "/me")).toMatchObject({ name: "Tok" });
    expect((await own.ok<{ items: object[] }>("GET", "/logins")).items).toMatchObject([
      { via: "server", expiresAt, ip: "" },
    ]);
    expect(await own.ok<{ expiresAt: number }>("POST", "/logins/refresh")).toMatchObject({ expiresAt });
    expect((await own.ok<{ items: object[] }>("GET", "/logins")).items).toMatchObject([{ via: "server", expiresAt }]);
    const usual = await door.call<{ expiresAt: number }>("POST", "/users/tok/tokens");
    expect(usual.status).toBe(201);
    expect(usual.body.expiresAt - before).toBeWithin(3_600_000, 3_610_000);
  });

  test.each([59, 2_592_001, 60.5, "60", null])("does not live for %p seconds", async (ttlSeconds) => {
    await put("tok");
    const reply = await door.call("POST", "/users/tok/tokens", { ttlSeconds });
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ path: "ttlSeconds" }] } });
  });

  test("is for somebody who is there, also by an id of ours", async () => {
    expect((await door.call("POST", "/users/nobody-here/tokens")).status).toBe(404);
    const pia = await server.person("pia");
    const { token } = await door.ok<{ token: string }>("POST", `/users/~${pia.uid}/tokens`);
    expect(await new ApiClient(server.url, token).ok("GET", "/me")).toMatchObject({ uid: pia.uid });
    // The person does not sign in from the backend's address.
    const known = server.storage.db.selectFrom("known_requesters").selectAll().where("mark", "=", "");
    expect(await known.execute()).toEqual([]);
  });
});

test("SRV-25: signing a person out ends all their devices and connections", async () => {
  const ann = await personAtDoor(server, door, "out-ann");
  const phone = await door.ok<{ token: string }>("POST", "/users/out-ann/tokens");
  const live = await server.live(ann);
  expect((await door.call("DELETE", "/users/out-ann/logins")).status).toBe(204);
  await live.frame(Push.INVALIDATE_TOKEN);
  expect((await live.ended()).code).toBe(4001);
  for (const token of [ann.token, phone.token]) {
    expect((await new ApiClient(server.url, token).call("GET", "/me")).status).toBe(401);
  }
  expect((await door.call("DELETE", "/users/out-ann/logins")).status).toBe(204);
  expect((await door.call("DELETE", "/users/nobody-here/logins")).status).toBe(404);
  // The person is still there.
  await personAtDoor(server, door, "out-ann");
});
