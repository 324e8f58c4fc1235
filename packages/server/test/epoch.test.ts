import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { Command, Push } from "@parley/protocol";
import { ApiClient } from "./api-client.ts";
import { signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { parleyCommand } from "./parley-command.ts";
import { ServerProcess } from "./server-process.ts";
import { onPostgres } from "./test-database.ts";

const server = new ServerProcess();
afterAll(() => server.remove());

const parley = (args: readonly string[], env: Record<string, string> = server.commandEnv) => parleyCommand(args, env);

test("CUR-13: `parley epoch --renew` makes earlier cursors void; a server that runs on SQLite has to be stopped for it", async () => {
  await server.start();
  const ann = await signUp(server.url, "ann");
  const { cursor } = await ann.api.ok<{ cursor: string }>("GET", "/events");
  const epoch = cursor.split(";")[0] as string;
  expect(await parley(["epoch"])).toEqual({ code: 0, out: `${epoch}\n`, err: "" });

  if (!onPostgres) {
    const refused = await parley(["epoch", "--renew"]);
    expect(refused).toMatchObject({ code: 1, out: "", err: expect.stringContaining("Stop it first.") });
    expect((await parley(["epoch"])).out).toBe(`${epoch}\n`);
  }

  await server.stop();
  const renewed = await parley(["epoch", "--renew"]);
  expect([renewed.code, renewed.err]).toEqual([0, ""]);
  expect(renewed.out).toMatch(/^[0-9a-f]{16}\n$/);
  expect(renewed.out).not.toBe(`${epoch}\n`);
  expect((await parley(["epoch"])).out).toBe(renewed.out);

  await server.start();
  const live = await LiveClient.open(server.url, { token: ann.token, path: "/ws?resume=1" });
  live.send({ type: Command.RESUME, data: { cursor } });
  const { data } = await live.frame(Push.RESYNC);
  expect(data.cursor).toStartWith(`${renewed.out.trim()};*@`);
  expect(data).toEqual({ stream: "*", cursor: data.cursor, why: "epoch" });
  live.close();
  const api = new ApiClient(server.url, ann.token);
  const polled = await api.ok<{ events: unknown[]; cursor: string }>("POST", "/events", { cursor });
  expect(polled.events).toEqual([{ type: Push.RESYNC, data }]);
  expect(await api.ok("POST", "/events", { cursor: polled.cursor })).toMatchObject({ events: [] });
}, 30_000);

test("parley epoch names the database that is not there", async () => {
  const { code, out, err } = await parley(["epoch", "--renew"], { DATA_DIR: join(server.dir, "elsewhere") });
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toContain("There is no database in");
  expect(err).toContain("DATA_DIR");
});
