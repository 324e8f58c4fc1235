import { beforeAll, describe, expect, test } from "bun:test";
import { currentApiTypes } from "../../../tools/client-api-types.ts";
import { buildClient, minifiedModules } from "../build.ts";

describe("what is shipped", () => {
  let files: Awaited<ReturnType<typeof buildClient>>;
  beforeAll(async () => {
    files = await buildClient();
  });

  test("SDK-50: module and script have at most 20 KB gzipped, and nothing of the schemas is in them", async () => {
    const { client } = await minifiedModules();
    for (const text of [client, files["parley-client.global.js"]]) {
      expect(Bun.gzipSync(text).length).toBeLessThanOrEqual(20_000);
      expect(text).not.toMatch(/zod|safeParse/i);
      expect(text).not.toMatch(/\bimport\s*\(|\brequire\(|from"/);
    }
    expect(files["heartbeat-worker.js"].length).toBeLessThan(300);
  });

  test("STO-9: the store has at most 12 KB gzipped, and nothing of the client or of the schemas is in it", async () => {
    const { store } = await minifiedModules();
    expect(Bun.gzipSync(store).length).toBeLessThanOrEqual(12_000);
    expect(/zod|safeParse|EventSource|api\/v1|\bimport\s*\(|\brequire\(|from"/i.exec(store)).toBeNull();
  });

  test("SDK-50: the types of the routes are the server's", async () => {
    // If this fails, run: node_modules/.bin/bun tools/client-api-types.ts
    for (const [path, text] of await currentApiTypes()) expect(await Bun.file(path).text()).toBe(text);
  });
});
