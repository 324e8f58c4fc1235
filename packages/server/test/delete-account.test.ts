import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Person, TestServer } from "./harness.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

const remove = (person: Person) => person.api.call<Record<string, unknown> | undefined>("DELETE", "/me");

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
        detail: `Hand over or dissolve the groups you own first: ${first}, ${second}`,
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
