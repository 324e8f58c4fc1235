import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { Push } from "@parley/protocol";
import { TestServer } from "./harness.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

/** No login can be removed from the file, as on a disk without space; `free` makes space. */
function fill(): { free: () => void } {
  const run = (sql: string) => {
    const file = new Database(join(server.dir, "data", "parley.db"));
    file.run(sql);
    file.close();
  };
  run("create trigger full before delete on logins begin select raise(abort, 'database or disk is full'); end");
  return { free: () => run("drop trigger full") };
}

test("ID-49, GW-40: signing out with the disk full closes the connections and ends the token, and says that it is not stored", async () => {
  const ann = await server.person("ann");
  const live = await server.live(ann);
  const disk = fill();
  const reply = await ann.api.call("DELETE", "/logins/current");
  expect(reply).toMatchObject({ status: 503, body: { code: "overloaded" } });
  expect((await live.ended(1000)).code).toBe(4001);
  expect(live.frames.at(-1)).toEqual({ type: Push.INVALIDATE_TOKEN });
  expect((await ann.api.call("GET", "/me")).status).toBe(401);
  disk.free();
});
