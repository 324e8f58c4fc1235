import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { PASSWORD, type Person, TestServer } from "./harness.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
}, 30_000);
afterAll(() => server.stop());

const remove = (person: Person) =>
  person.api.call<Record<string, unknown> | undefined>("DELETE", "/me", { password: PASSWORD });

test("ID-15: a deleted account is nobody's member: nobody adds it to a room, and the hall does not list it", async () => {
  const [amy, gus] = [await server.person("amy"), await server.person("gus")];
  const room = await server.room(amy, []);
  const inHall = async () => {
    const { items } = await amy.api.ok<{ items: { uid: number }[] }>("GET", "/rooms/1/members?limit=100");
    return items.some(({ uid }) => uid === gus.uid);
  };
  expect(await inHall()).toBe(true);
  expect((await remove(gus)).status).toBe(204);
  expect(await inHall()).toBe(false);
  for (const path of ["/rooms", `/rooms/${room}/members`]) {
    const body = { name: "g", memberIds: [gus.uid] };
    expect((await amy.api.call("POST", path, body)).body).toMatchObject({ code: "unknown_user", userIds: [gus.uid] });
  }
});

describe("ID-19: the owner of groups", () => {
  test("deletes their account only after they transferred or dissolved them", async () => {
    const [olga, ben] = [await server.person("olga"), await server.person("ben")];
    const [first, second] = [await server.room(olga, [ben]), await server.room(olga, [])];
    await server.room(ben, [olga]);
    await olga.api.ok("POST", "/rooms/direct", { userId: ben.uid });
    expect(await remove(olga)).toMatchObject({
      status: 422,
      body: {
        code: "owner_cannot_leave",
        detail: `First transfer or dissolve the groups that you own: ${first}, ${second}`,
        roomIds: [first, second],
      },
    });
    expect(await olga.api.ok<{ name: string }>("GET", "/me")).toMatchObject({ name: "olga" });
    await olga.api.ok("PUT", `/rooms/${first}/owner`, { uid: ben.uid });
    expect((await remove(olga)).body?.roomIds).toEqual([second]);
    await olga.api.ok("DELETE", `/rooms/${second}`);
    expect((await remove(olga)).status).toBe(204);
    expect((await remove(ben)).body?.roomIds).toContain(first);
  });

  test("is told ten of them", async () => {
    const mary = await server.person("mary");
    const ids: number[] = [];
    for (let count = 0; count < 11; count++) ids.push(await server.room(mary, []));
    const { body } = await remove(mary);
    expect(body?.roomIds).toEqual(ids.slice(0, 10));
    expect(body?.detail).toEndWith(`${ids[9]} and more`);
  });
});
