import { afterAll, beforeAll, expect, test } from "bun:test";
import { HALL_ROOM_ID, Push } from "@parley/protocol";
import { administrator } from "./administrator.ts";
import { type Person, say, TestServer } from "./harness.ts";
import { SseReader } from "./sse-reader.ts";

let server: TestServer;
let root: Person;
let ann: Person;
beforeAll(async () => {
  server = await TestServer.start({ HALL: "public" });
  root = await administrator(server, "root");
  ann = await server.person("ann");
}, 30_000);
afterAll(() => server.stop());

test("BAN-2, BAN-3: anonymous readers of a public hall are told, unlogged, and read what is hidden as hidden", async () => {
  await say(ann, HALL_ROOM_ID, "SECRET");
  const live = await server.connect();
  await live.frame(Push.READY);
  const stream = await SseReader.open(server.url, undefined);
  await stream.frame(Push.READY);
  const signedIn = await server.live(root);
  const path = `/admin/bans/users/${ann.uid}`;
  await root.api.ok("PUT", path);
  const shown = async () => JSON.stringify(await server.api.ok("GET", `/rooms/${HALL_ROOM_ID}/messages`));
  expect(await shown()).not.toContain("SECRET");
  await root.api.ok("DELETE", path);
  expect(await shown()).toContain("SECRET");
  for (const reader of [live, stream]) {
    await reader.frame(Push.UNBLACK);
    const told = reader.frames.filter(({ type }) => type === Push.BLACK || type === Push.UNBLACK);
    expect(told.map(({ type, data, stream: name, seq }) => [type, data, name, seq])).toEqual([
      [Push.BLACK, { uid: ann.uid }, undefined, undefined],
      [Push.UNBLACK, { uid: ann.uid }, undefined, undefined],
    ]);
  }
  // Signed-in readers get them from the log, once.
  await signedIn.frame(Push.UNBLACK);
  expect(signedIn.frames.filter(({ type }) => type === Push.BLACK)).toHaveLength(1);
  stream.close();
});
