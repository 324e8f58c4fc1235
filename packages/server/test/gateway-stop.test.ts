import { expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { ApiClient } from "./api-client.ts";
import { say, TestServer } from "./harness.ts";

test("GW-69: a stop tells every connection when to come back and from where, and ends it with 1012", async () => {
  const server = await TestServer.start();
  const [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
  const room = await server.room(ann, [ben]);
  const live = await server.live(ben);
  const waiting = await server.live(ben, { path: "/ws?resume=1" });
  const anonymous = await server.connect();
  const readyCursor = (await waiting.frame(Push.READY)).data.cursor;
  await say(ann, room, "seen");
  await live.frame(Push.MESSAGE);
  await server.restart();
  for (const one of [live, waiting, anonymous]) {
    expect((await one.ended()).code).toBe(1012);
    expect(one.frames.at(-1)).toMatchObject({ type: Push.DRAIN, data: { retryAfterMs: expect.any(Number) } });
  }
  // A connection that has not resumed yet has got nothing since READY.
  expect(waiting.frames.at(-1)?.data.cursor).toBe(readyCursor);

  await say({ ...ann, api: new ApiClient(server.url, ann.token) }, room, "missed");
  const again = await server.connect({ token: ben.token, path: "/ws?resume=1" });
  again.send({ type: Command.RESUME, data: { cursor: live.frames.at(-1)?.data.cursor } });
  await again.frame(Push.CURSOR, ({ data }) => data.live);
  expect(again.of(Push.RESYNC)).toEqual([]);
  expect(again.of(Push.MESSAGE).map(({ data }) => data.message.body.content)).toEqual(["missed"]);
  await server.stop();
}, 20_000);

test("GW-69: nothing of a stopped server keeps the process alive", async () => {
  const code = `
    import { TestServer } from ${JSON.stringify(new URL("./harness.ts", import.meta.url).pathname)};
    import { runEnded } from ${JSON.stringify(new URL("./left-running.ts", import.meta.url).pathname)};
    const server = await TestServer.start();
    const ann = await server.person("ann");
    await server.live(ann);
    const screen = await server.connect();
    screen.send({ type: 1 });
    await screen.frame(1);
    await server.stop();
    // PostgreSQL, where the data is there.
    await runEnded();
    console.log("stopped", performance.now());
    process.on("exit", () => console.log("ended", performance.now()));`;
  const child = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe", stderr: "inherit", cwd: import.meta.dir });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  const [stopped, ended] = [...text.matchAll(/(?:stopped|ended) ([\d.]+)/g)].map((match) => Number(match[1]));
  expect((ended ?? 0) - (stopped ?? 0)).toBeLessThan(3000);
}, 30_000);
