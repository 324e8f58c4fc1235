import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestServer } from "../harness.ts";
import { AREAS, WITHOUT_CASE } from "./cases.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
}, 30_000);
afterAll(() => server.stop());

const PREFIX = "/api/v1";

test("CUR-12: every command of the API has a case, or a reason for having none", async () => {
  const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const commands = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => ["post", "put", "patch", "delete"].includes(method))
      .map((method) => `${method.toUpperCase()} ${path.replace(PREFIX, "")}`),
  );
  const covered = Object.values(AREAS)
    .flat()
    .map(({ command }) => command);
  const named = new Set([...covered, ...Object.keys(WITHOUT_CASE)]);
  expect([...named].sort()).toEqual(commands.sort());
  expect(covered.filter((command) => command in WITHOUT_CASE)).toEqual([]);
});
