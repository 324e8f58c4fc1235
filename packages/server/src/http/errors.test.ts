import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { HTTPException } from "hono/http-exception";
import { openScratch } from "../../test/scratch-database.ts";
import { ProblemError } from "../lib/problem.ts";
import { createLogger } from "../ops/logger.ts";
import { errorHandler, errorResponses, problemResponse } from "./errors.ts";

const problemDocument = (error: ProblemError) => problemResponse(error).json() as Promise<Record<string, unknown>>;

/** What is answered to something that was thrown, and whether it was logged as a fault of ours. */
async function answered(thrown: unknown): Promise<{ code: unknown; logged: boolean }> {
  let logged = false;
  const logger = createLogger({
    level: "error",
    sink: {
      write: () => {
        logged = true;
      },
    },
  });
  const context = { get: () => undefined, req: { method: "GET", path: "/" } };
  const response = await errorHandler(errorResponses(logger))(thrown as Error, context as never);
  return { code: ((await response.json()) as { code: string }).code, logged };
}

const retryAfter = (ms: number) =>
  problemResponse(new ProblemError("overloaded", undefined, { retryAfterMs: ms })).headers.get("Retry-After");

test("Retry-After is whole seconds, rounded up, and never 0", () => {
  expect([0, 1, 999, 1000, 1001, 60_000, 60_001].map(retryAfter)).toEqual(["1", "1", "1", "1", "2", "60", "61"]);
  expect(problemResponse(new ProblemError("overloaded")).headers.has("Retry-After")).toBe(false);
});

test("a refusal that asks for a sign-in says how, whichever way its route refuses; no other refusal does", () => {
  const asked = (error: ProblemError, headers = {}) => problemResponse(error, headers).headers.get("WWW-Authenticate");
  expect(asked(new ProblemError("unauthorized"))).toBe("Bearer");
  expect(asked(new ProblemError("unauthorized"), { "WWW-Authenticate": "Own" })).toBe("Own");
  expect(asked(new ProblemError("forbidden"))).toBeNull();
});

test("HTTP-6: a problem says what was wrong, but for a fault of ours", async () => {
  const extra = { errors: [{ path: "name", message: "is empty" }] };
  expect(await problemDocument(new ProblemError("invalid", "name: is empty", { extra }))).toEqual({
    type: "urn:parley:problem:invalid",
    title: "The request is not valid",
    status: 400,
    code: "invalid",
    detail: "name: is empty",
    ...extra,
  });
  expect(await problemDocument(new ProblemError("internal", "the disk said: SECRET"))).not.toHaveProperty("detail");
  // What a feature adds never takes the place of what a problem is.
  const posing = new ProblemError("conflict", "no", { extra: { code: "invalid", status: 200, type: "x", title: "y" } });
  expect(await problemDocument(posing)).toMatchObject({
    code: "conflict",
    status: 409,
    type: "urn:parley:problem:conflict",
  });
});

test("what the framework refuses is refused with a code of ours, and anything else is a fault", async () => {
  for (const [thrown, code] of [
    [new HTTPException(400), "invalid"],
    [new HTTPException(413), "too_large"],
    [new HTTPException(415), "unsupported_media_type"],
    [new ProblemError("forbidden"), "forbidden"],
  ] as const) {
    expect(await answered(thrown)).toEqual({ code, logged: false });
  }
  for (const fault of [new HTTPException(500), new HTTPException(414), new Error("x"), "text", undefined]) {
    expect(await answered(fault)).toEqual({ code: "internal", logged: true });
  }
});

/** What SQLite throws where a database cannot take this statement. */
function thrownBy(prepare: (file: Database) => void, statement: string): unknown {
  const file = new Database(":memory:");
  prepare(file);
  try {
    file.run(statement);
  } catch (error) {
    return error;
  } finally {
    file.close();
  }
  throw new Error("nothing was thrown");
}

test("HTTP-50: a database that cannot be read for a while is 503 with the time to come back, and is logged", async () => {
  const full = thrownBy((file) => {
    file.run("create table notes (text)");
    file.run("pragma max_page_count = 2");
  }, "insert into notes values (zeroblob(9000))");
  expect(await answered(full)).toEqual({ code: "overloaded", logged: true });
  expect(await answered(thrownBy(() => {}, "select * from nothing"))).toEqual({ code: "internal", logged: true });
});

test("HTTP-50: however many requests find the database away or closed, one line says so", async () => {
  const { db } = await openScratch();
  await db.destroy();
  const closed = await db
    .selectFrom("log")
    .selectAll()
    .execute()
    .catch((error: unknown) => error);
  const lines: string[] = [];
  const respond = errorResponses(createLogger({ level: "error", sink: { write: (line) => void lines.push(line) } }));
  const statuses = Array.from({ length: 50 }, () => respond(closed, { method: "GET", path: "/" }).status);
  expect(new Set(statuses)).toEqual(new Set([503]));
  expect(lines.length).toBe(1);
  expect(lines[0]).toContain("the database cannot be read");
});
