import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Push } from "@parley/protocol";
import { TestServer } from "../packages/server/test/harness.ts";
import { needs } from "../packages/server/test/needs.ts";
import { type Door, openDoor, personAtDoor } from "../packages/server/test/server-door.ts";
import { Running } from "./running.fixture.ts";

/** Programs start, which takes seconds on a slow machine. */
const LIMIT_MS = 30_000;
let server: TestServer;
let door: Door;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
}, LIMIT_MS);
afterAll(() => server.stop(), LIMIT_MS);

/** The block of code in the README in which this stands. */
async function readme(part: string): Promise<string> {
  const text = await Bun.file(join(import.meta.dir, "../README.md")).text();
  const blocks = [...text.matchAll(/```(?:sh|ts)\n(.*?)```/gs)].map(([, code = ""]) => code.trim());
  return blocks.find((code) => code.includes(part)) ?? "";
}

test.skipIf(!needs("curl"))(
  "the README pushes to user 42 in one line of curl",
  async () => {
    const ada = await personAtDoor(server, door, "42");
    const live = await server.live(ada);
    const line = await readme("curl -s $api/server/events");
    expect(line.split("\n")).toHaveLength(1);
    const running = new Running(["sh", "-c", line], { api: `${server.url}/api/v1`, PARLEY_KEY: door.key });
    expect(await running.ended()).toEqual({ code: 0, errors: "" });
    expect(JSON.parse(running.output)).toEqual({ recipients: 1 });
    expect((await live.frame(Push.CUSTOM)).data).toEqual({ kind: "order.shipped", data: { order: 7 } });
  },
  LIMIT_MS,
);

test(
  "the README pushes to user 42 in five lines of TypeScript",
  async () => {
    const ada = await personAtDoor(server, door, "42");
    const live = await server.live(ada);
    const code = await readme("await parley.push(");
    expect(code.split("\n").filter(Boolean)).toHaveLength(5);
    // A folder of its own, and not this one: other tests read all sources at the same time.
    const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
    // It says where the packages are.
    await Bun.write(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: join(import.meta.dir, "../tsconfig.json") }),
    );
    const file = join(folder, "readme.ts");
    await Bun.write(file, code.replace("http://localhost:8080", server.url));
    try {
      const running = new Running([process.execPath, file], { PARLEY_KEY: door.key });
      expect(await running.ended()).toEqual({ code: 0, errors: "" });
      expect((await live.frame(Push.CUSTOM)).data).toEqual({ kind: "order.shipped", data: { order: 7 } });
      const done = await live.frame(Push.NOTIFICATION, ({ data }) => data.done);
      expect(done.data).toMatchObject({ kind: "approval", title: "A request waits for you" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  LIMIT_MS,
);

test.skipIf(!needs("curl"))(
  "the README's first requests work, also when ada has an account already",
  async () => {
    const lines = (await readme("$api/accounts")).replace("http://localhost:8080", server.url);
    for (let time = 0; time < 2; time++) {
      const running = new Running(["bash", "-c", lines.replace(/^curl /gm, "echo; curl ")]);
      expect(await running.ended()).toEqual({ code: 0, errors: "" });
      const [sent, history] = running.output
        .trim()
        .split("\n")
        .slice(-2)
        .map((line) => JSON.parse(line));
      expect(sent).toMatchObject({ message: { no: 1, body: { content: "hello" } } });
      expect(history.items).toEqual([sent]);
    }
  },
  LIMIT_MS,
);
