import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { needs } from "../../server/test/needs.ts";
import { buildClient } from "../build.ts";

const node = needs("node");
const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
beforeAll(async () => {
  for (const [name, text] of Object.entries(await buildClient())) await Bun.write(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PROGRAM = `
import { createClient, MessageType, Push } from "./parley-client.js";
const client = createClient({ url: "http://127.0.0.1:9", token: "t" });
console.log(client.state.kind, Push.MESSAGE, MessageType.text);
`;

test.skipIf(!node).each(["iife", "cjs", "esm"] as const)(
  "SDK-112: a program that esbuild has put together as %s makes a client",
  async (format) => {
    const outfile = join(folder, `program.${format === "esm" ? "mjs" : "cjs"}`);
    await build({
      stdin: { contents: PROGRAM, resolveDir: folder },
      bundle: true,
      format,
      outfile,
      logLevel: "error",
      // A script does not know where it is, and the client has to live with that.
      logOverride: { "empty-import-meta": "silent" },
    });
    const { stdout, stderr } = Bun.spawnSync([node ?? "", outfile]);
    expect([stdout.toString(), stderr.toString()]).toEqual(["stopped 4 1\n", ""]);
  },
);
