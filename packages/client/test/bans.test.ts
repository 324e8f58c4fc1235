import { beforeAll, describe, expect, test } from "bun:test";
import { setPower } from "../../server/test/administrator.ts";
import type { Person } from "../../server/test/harness.ts";
import { ServerRig } from "./rig/rig.ts";

describe("bans", () => {
  const rig = new ServerRig();
  let root: Person;
  beforeAll(async () => {
    root = await rig.stage.person();
    await setPower(rig.stage.server, root.name, 1);
  });

  test("SDK-44, BAN-2: an administrator bans by a typed call, and handlers are told by `black` and `unblack`", async () => {
    const person = await rig.stage.person();
    const watched = rig.open();
    await watched.live();
    const told: unknown[] = [];
    watched.client.on("black", ({ uid }, { stream }) => void told.push(["black", uid, stream]));
    watched.client.on("unblack", ({ uid }, { stream }) => void told.push(["unblack", uid, stream]));
    const admin = rig.open({ token: root.token });
    const path = { uid: person.uid };
    const ban = await admin.client.request("PUT /admin/bans/users/{uid}", { path, body: { reason: "spam" } });
    expect(ban).toMatchObject({ uid: person.uid, reason: "spam", until: null });
    expect((await admin.client.request("GET /admin/bans")).items.map(({ uid }) => uid)).toEqual([person.uid]);
    await admin.client.request("DELETE /admin/bans/users/{uid}", { path });
    await watched.until(() => told.length === 2, "both");
    expect(told).toEqual([
      ["black", person.uid, "all"],
      ["unblack", person.uid, "all"],
    ]);
  });

  test("SDK-6, BAN-1: a client whose user is banned stops, and goes on when it is started afterwards", async () => {
    const person = await rig.stage.person();
    const watched = rig.open({ token: person.token });
    await watched.live();
    await root.api.ok("PUT", `/admin/bans/users/${person.uid}`);
    await watched.until(() => watched.client.state.kind === "stopped", "its stop");
    expect(watched.client.state).toMatchObject({ kind: "stopped", why: "banned" });
    await root.api.ok("DELETE", `/admin/bans/users/${person.uid}`);
    watched.client.start({ token: person.token });
    await watched.live();
  });
});
