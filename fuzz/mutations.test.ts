import { expect, test } from "bun:test";
import { seeded } from "../packages/server/test/seeded.ts";
import { mutateAuthorization, mutateOnce } from "./mutations.ts";
import type { Wanted } from "./requests.ts";

const make = (): Wanted => ({
  found: {
    method: "POST",
    path: "/api/v1/rooms/{id}/messages",
    operation: {
      operationId: "x",
      parameters: [{ name: "limit", in: "query", schema: { type: "integer" } }],
      responses: {},
    },
  },
  actor: { name: "a", account: "a", token: "pl_x", uid: 1 },
  method: "POST",
  path: { id: "7" },
  query: [["limit", "3"]],
  headers: {},
  body: { clientId: "c", mentions: [1, 2], body: { content: "hello" } },
});

test("a mutation changes one part of a request, and not who makes it; all parts have their turn", () => {
  const random = seeded(1);
  const before = make();
  const changed = new Set<string>();
  for (let round = 0; round < 2000; round++) {
    const after = make();
    mutateOnce(after, random);
    const parts = (["method", "path", "query", "headers", "body", "raw", "actor"] as const).filter(
      (part) => !Bun.deepEquals(after[part], before[part], true),
    );
    // A replacement may be equal to what it replaces.
    expect(parts.length).toBeLessThanOrEqual(1);
    for (const part of parts) changed.add(part);
  }
  expect([...changed].sort()).toEqual(["body", "headers", "method", "path", "query", "raw"]);
});

test("one of a value deep inside the body too", () => {
  const random = seeded(2);
  const contents = new Set<unknown>();
  for (let round = 0; round < 500; round++) {
    const after = make();
    mutateOnce(after, random);
    contents.add((after.body as { body?: { content?: unknown } }).body?.content);
  }
  expect(contents.size).toBeGreaterThan(10);
});

test("a mutation of the authorization leaves no valid one, but for the scheme's case", () => {
  const random = seeded(3);
  for (let round = 0; round < 200; round++) {
    const after = make();
    mutateAuthorization(after, random);
    expect(after.headers.Authorization).not.toBe("Bearer pl_x");
  }
});
