import { expect, test } from "bun:test";
import { TestServer } from "../../test/harness.ts";
import { openDoor, personAtDoor } from "../../test/server-door.ts";

test("SRV-44: the product is told who is online, in the order asked, whichever rooms people share", async () => {
  const server = await TestServer.start();
  try {
    const door = await openDoor(server, "shop");
    const [ann, ben] = [await personAtDoor(server, door, "ann"), await server.person("ben")];
    await server.live(ann);
    const users = [ben.uid, "ann", ann.uid];
    const told = await door.ok("POST", "/presence", { users });
    const online = { uid: ann.uid, externalId: "ann", activeStatus: 1, lastOptTime: expect.any(Number) };
    expect(told).toEqual({
      items: [{ uid: ben.uid, externalId: null, activeStatus: 2, lastOptTime: null }, online, online],
      onlineNum: 1,
    });
    const unknown = { users: ["ann", "nobody"] };
    expect(await door.call("POST", "/presence", unknown)).toMatchObject({
      status: 422,
      body: { code: "unknown_user", errors: [{ path: "users.1" }] },
    });
    expect(await door.ok("POST", "/presence?unknown=skip", unknown)).toMatchObject({
      items: [online],
      skipped: ["nobody"],
    });
    expect((await door.call("POST", "/presence", { users: Array(501).fill("ann") })).status).toBe(400);
    expect(await door.ok("POST", "/presence", { users: [] })).toEqual({ items: [], onlineNum: 1 });
  } finally {
    await server.stop();
  }
});
