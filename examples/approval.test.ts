import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { TestServer } from "../packages/server/test/harness.ts";
import { type Door, openDoor } from "../packages/server/test/server-door.ts";
import { Running } from "./running.fixture.ts";

let server: TestServer;
let door: Door;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
}, 30_000);
afterAll(() => server.stop(), 30_000);

test("an approval is asked for and granted, and the dot is gone on both devices", async () => {
  const file = join(import.meta.dir, "approval.ts");
  const running = new Running([process.execPath, file], { PARLEY_URL: server.url, PARLEY_KEY: door.key });
  try {
    await running.says("The end");
    expect(await running.ended()).toEqual({ code: 0, errors: "" });
    const lines = running.output.split("\n");
    const of = (name: string) =>
      lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
    const asked = "Ada asks for three days off";
    for (const name of ["Phone", "Laptop"])
      expect(of(name)).toEqual(["no dot", asked, "a dot, 1", "no dot", `${asked} (done)`]);
    expect(of("Ada")).toEqual([
      "no dot",
      'request.granted {"request":7}',
      "Ben has granted your three days",
      "a dot, 1",
    ]);
  } finally {
    await running.kill();
  }
}, 60_000);
