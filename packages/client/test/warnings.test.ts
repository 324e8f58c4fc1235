import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withDeadline } from "../../server/src/lib/interval.ts";
import { needs } from "../../server/test/needs.ts";
import { buildClient } from "../build.ts";
import { type ClientOptions, createClient } from "../src/index.ts";
import { ServerRig } from "./rig/rig.ts";

const node = needs("node");
const rig = new ServerRig();

/** A client that has not been started, and its warnings. */
function quiet(more: Partial<ClientOptions> = {}, startMs = 1) {
  const said: string[] = [];
  let tell = () => {};
  const options = { url: rig.door.url, token: rig.stage.ben.token, ...more } as ClientOptions;
  const onWarning = (text: string) => {
    said.push(text);
    tell();
  };
  const client = createClient({ ...options, onWarning }, { timing: { startMs } });
  rig.use({ close: () => client.stop() });
  const until = async (wanted: string) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    tell = () => said.some((text) => text.includes(wanted)) && resolve();
    tell();
    await withDeadline(promise, 5000, `nothing was said of ${wanted}: ${said}`);
  };
  return { client, said, until };
}

test("SDK-110: a client that somebody listens to and nobody starts says so", async () => {
  const { client, said, until } = quiet();
  client.on("message", () => {});
  await until("client.start() was not called");
  expect(said).toHaveLength(1);
});

test("SDK-110: so does one that is given a message", async () => {
  const { client, until } = quiet();
  void client.send(1, "hello");
  await until("client.start() was not called");
});

test("SDK-110: one that is only asked, or is started, says nothing", async () => {
  const { client, said } = quiet();
  const started = quiet();
  started.client.on("message", () => {});
  started.client.start();
  await client.request("GET /me");
  // This client is made later, and has just as long.
  const forgotten = quiet();
  forgotten.client.on("message", () => {});
  await forgotten.until("client.start() was not called");
  expect([...said, ...started.said]).toEqual([]);
});

test("SDK-110: a wrong password is said", async () => {
  const { client, until } = quiet({
    token: undefined,
    login: { name: "nobody-here", password: "a wrong password" },
  } as never);
  client.start();
  await until("the client has stopped, sign-in-refused");
});

test("SDK-111: a refused send is said where nobody listens, and ends nothing where nobody waits", async () => {
  const { client, said, until } = quiet();
  client.start();
  void client.send(999_999, "hello");
  await until("a message to room 999999 was refused");
  client.on("refused", () => {});
  const error = await client.send(999_998, "hello").catch((error: Error) => error);
  expect(error).toMatchObject({ name: "ParleyError" });
  void client.send(-1, "hello");
  expect(said.slice(1)).toEqual(["nothing was sent: `roomId` has to be a room's id"]);
});

describe.skipIf(!node)("under Node", () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  beforeAll(async () => {
    await Bun.write(join(folder, "parley-client.mjs"), (await buildClient())["parley-client.js"]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function run(lines: string): Promise<{ code: number; errors: string; output: string }> {
    const path = join(folder, "program.mjs");
    const options = JSON.stringify({ url: rig.stage.server.url, token: rig.stage.ben.token });
    const head = `import { createClient } from "./parley-client.mjs"; const options = ${options};`;
    await Bun.write(path, `${head}\n${lines}`);
    const program = Bun.spawn([node ?? "", path], { stdout: "pipe", stderr: "pipe" });
    const [output, errors] = await Promise.all([
      new Response(program.stdout).text(),
      new Response(program.stderr).text(),
    ]);
    return { code: await program.exited, errors, output };
  }

  test("SDK-111: a program that waits for a send and never starts its client ends with the reason", async () => {
    const { code, errors } = await run('await createClient(options).send(1, "hello");');
    expect(code).toBe(1);
    expect(errors).toContain("parley: client.start() was not called");
    expect(errors).toContain("The client was not running");
  });

  test("SDK-111: so does one whose login is refused", async () => {
    const { code, errors } = await run(`
      const login = { name: "nobody-here", password: "a wrong password" };
      const client = createClient({ url: options.url, login });
      client.start();
      await client.send(1, "hello");`);
    expect(code).toBe(1);
    expect(errors).toContain("parley: the client has stopped, sign-in-refused");
    expect(errors).toContain("The client was not running");
  });

  test("SDK-111: a refused send that nobody waits for does not end the program", async () => {
    const { code, output, errors } = await run(`
      const client = createClient(options);
      client.start();
      client.on("refused", () => { console.log("refused"); client.stop(); });
      client.send(999999, "hello");`);
    expect([code, output, errors]).toEqual([0, "refused\n", ""]);
  });

  test("SDK-110: a program that listens and ends without a start says why", async () => {
    const { code, errors } = await run('createClient(options).on("message", () => {});');
    expect(code).toBe(0);
    expect(errors).toContain("client.start() was not called");
  });
});
