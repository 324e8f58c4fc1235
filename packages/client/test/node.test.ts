import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { say } from "../../server/test/harness.ts";
import { needs } from "../../server/test/needs.ts";
import { buildClient } from "../build.ts";
import { ServerRig } from "./rig/rig.ts";

const node = needs("node");
const PROGRAM = join(import.meta.dir, "rig/node-program.mjs");
const SLOW_MS = 20_000;

describe.skipIf(!node)("under Node", () => {
  const rig = new ServerRig();
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  const bundle = join(folder, "parley-client.mjs");
  beforeAll(async () => {
    await Bun.write(bundle, (await buildClient())["parley-client.js"]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Lines that the program prints until it ends, which it does by itself when the client has stopped. */
  async function run(which: string): Promise<string[]> {
    const { stage } = rig;
    const room = await stage.room();
    const program = Bun.spawn([node ?? "", PROGRAM, bundle, stage.server.url, stage.ben.token, which], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const lines: string[] = [];
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of program.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) {
        lines.push(line);
        if (!line.startsWith("state live")) continue;
        await say(stage.ann, room, "hello");
        await say(stage.ann, room, "the end");
      }
    }
    expect(await program.exited).toBe(0);
    return lines;
  }

  const said = ["message hello", "message the end", "state stopped asked"];

  test(
    "SDK-52: the module runs as it is, and its process ends when the client has stopped",
    async () => {
      const lines = await run("platform");
      const version = Bun.spawnSync([node ?? "", "--version"]).stdout.toString();
      const has = Number(/^v(\d+)/.exec(version)?.[1]) >= 22;
      expect(lines[0]).toBe(`state connecting ${has ? "websocket" : "sse"}`);
      expect(lines.slice(-3)).toEqual(said);
    },
    SLOW_MS,
  );

  test(
    "SDK-52: where the platform has no WebSocket, one can be handed in",
    async () => {
      const lines = await run("websocket");
      expect(lines).toEqual([
        "state connecting websocket",
        "state catching-up websocket",
        "state live websocket",
        ...said,
      ]);
    },
    SLOW_MS,
  );
});
