import { afterAll, describe, expect, test } from "bun:test";
import { AppFixture, problemOf } from "../../test/app-fixture.ts";
import { rawRequest } from "../../test/raw-http.ts";

const app = new AppFixture();
afterAll(() => app.stop());

const MAX_BODY_BYTES = 65_536;

const asJson = { "Content-Type": "application/json" };
const put = (body: BodyInit, headers: Record<string, string> = asJson) =>
  app.ask("/api/v1/notes/5", { method: "PUT", token: "alice", body, headers });

describe("HTTP-1: a signed-in route", () => {
  test("answers its login", async () => {
    const response = await put('{"text": "hello"}');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ id: 5, text: "hello", by: 20_000 });
  });

  test.each([
    [undefined, "Sign in first"],
    ["Bearer", "Sign in first"],
    ["bearer   ", "Sign in first"],
    ["Bearer nobody", "This token is not valid; sign in again"],
    ["Bearer a b", "Authorization must be: Bearer <token>"],
    ["Basic YTpi", "Authorization must be: Bearer <token>"],
  ])("answers 401 to Authorization: %s", async (authorization, detail) => {
    const headers = authorization === undefined ? asJson : { ...asJson, Authorization: authorization };
    const response = await app.ask("/api/v1/notes/5", { method: "PUT", headers, body: '{"text":""}' });
    expect(response.headers.get("WWW-Authenticate")).toBe("Bearer");
    expect(await problemOf(response)).toMatchObject({ status: 401, code: "unauthorized", detail });
  });

  test("takes the scheme in any case", async () => {
    expect((await app.ask("/api/v1/notes/5", { headers: { Authorization: "bEARER alice" } })).status).toBe(200);
  });
});

test("HTTP-1: a route for everybody knows who asks, and refuses a token that is not valid", async () => {
  expect(await (await app.ask("/api/v1/notes/5")).json()).toMatchObject({ by: null });
  expect(await (await app.ask("/api/v1/notes/5", { token: "alice" })).json()).toMatchObject({ by: 20_000 });
  expect((await app.ask("/api/v1/notes/5", { token: "revoked" })).status).toBe(401);
});

describe("input", () => {
  test.each<[string, BodyInit, Record<string, string>, number, object]>([
    ["no field", "{}", asJson, 400, { code: "invalid", errors: [{ path: "text" }] }],
    ["wrong type", '{"text": 5}', asJson, 400, { code: "invalid", errors: [{ path: "text" }] }],
    ["broken JSON", '{"text": ', asJson, 400, { code: "invalid", errors: [{ path: "" }] }],
    ["no body", "", asJson, 400, { code: "invalid" }],
    ["null", "null", asJson, 400, { code: "invalid", errors: [{ path: "" }] }],
    ["another type", "text=a", { "Content-Type": "text/plain" }, 415, { code: "unsupported_media_type" }],
    ["a form", "text=a", { "Content-Type": "application/x-www-form-urlencoded" }, 415, {}],
    ["a type with parameters", '{"text":""}', { "Content-Type": "application/json; charset=utf-8" }, 200, {}],
  ])("HTTP-2: body: %s", async (_, body, headers, status, expected) => {
    const response = await put(body, headers);
    expect(response.status).toBe(status);
    expect(status === 200 ? {} : await problemOf(response)).toMatchObject(expected);
  });

  test.each([
    ["/api/v1/notes/abc", 400],
    ["/api/v1/notes/0", 400],
    ["/api/v1/notes/1.5", 400],
    ["/api/v1/notes/9007199254740993", 400],
    ["/api/v1/notes/0x2", 400],
    ["/api/v1/notes/+2", 400],
    ["/api/v1/notes/%202", 400],
    ["/api/v1/notes/02", 400],
    ["/api/v1/notes/1e3", 400],
    ["/api/v1/notes/9007199254740991", 200],
    ["/api/v1/notes/1?limit=0x2", 400],
    ["/api/v1/notes/1?limit=1e1", 400],
    ["/api/v1/notes/1?limit=1.5", 400],
    ["/api/v1/notes/1?limit=+5", 400],
    ["/api/v1/notes/1?limit=", 200],
    ["/api/v1/notes/1?limit=99999999999999999999999", 200],
    ["/api/v1/notes/1?limit=0", 400],
    ["/api/v1/notes/1?limit=x", 400],
    ["/api/v1/notes/1?limit=100000", 200],
  ])("HTTP-3: %s is %d", async (path, status) => {
    expect((await app.ask(path)).status).toBe(status);
  });

  test.each([
    ["/api/v1/notes/99999999999999999999", "id", "must be a whole number from 1"],
    ["/api/v1/notes/9007199254740992", "id", "must be a whole number from 1"],
    ["/api/v1/notes/-1", "id", "must be a whole number from 1"],
    ["/api/v1/notes/1?limit=x", "limit", "must be a whole number from 1"],
    ["/api/v1/notes/1?limit=1&limit=2", "limit", "must be given once"],
  ])("HTTP-3: %s is refused in plain words, once", async (path, field, message) => {
    const problem = await problemOf(await app.ask(path));
    expect(problem).toMatchObject({ detail: `${field}: ${message}` });
    expect(problem.errors).toEqual([{ path: field, message }]);
  });

  test("HTTP-2: of a body in which thousands of things are wrong, the first hundred are named", async () => {
    const response = await put(JSON.stringify({ text: "", tags: Array.from({ length: 5000 }, () => 0) }));
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ status: 400, detail: "tags.0: must be text" });
    const errors = problem.errors as { path: string }[];
    expect([errors.length, errors[0]?.path, errors.at(-1)?.path]).toEqual([100, "tags.0", "tags.99"]);
  });

  test("HTTP-2: text that is not UTF-8 is refused, in whatever encoding it may be", async () => {
    for (const bytes of ["ff", "c3", "eda080", "c0af"]) {
      const body = Buffer.concat([Buffer.from('{"text":"'), Buffer.from(bytes, "hex"), Buffer.from('"}')]);
      const problem = await problemOf(await put(body));
      expect(problem).toMatchObject({ status: 400, code: "invalid", detail: "The body is not valid UTF-8" });
      expect(problem.errors).toEqual([{ path: "", message: "The body is not valid UTF-8" }]);
    }
    expect(await (await put('{"text":"grüße \\ud83d\\ude00 😀"}')).json()).toMatchObject({ text: "grüße 😀 😀" });
    expect((await put(Buffer.from('\ufeff{"text":""}'))).status).toBe(200);
  });

  test("HTTP-3: limit is clamped", async () => {
    expect(await (await app.ask("/api/v1/notes/1?limit=5000")).json()).toMatchObject({ text: "100" });
    expect(await (await app.ask("/api/v1/notes/1")).json()).toMatchObject({ text: "50" });
  });

  test("HTTP-4: a body where none is needed is ignored, whatever it is", async () => {
    for (const [body, type] of [
      ["{broken", "application/json"],
      ["x=1", "text/plain"],
      [Buffer.from("ff", "hex"), "application/json"],
    ] as const) {
      const headers = { "Content-Type": type };
      const response = await app.ask("/api/v1/notes/5", { method: "DELETE", token: "alice", body, headers });
      expect(response.status).toBe(204);
    }
  });
});

describe("HTTP-4: a body's size", () => {
  const text = (bytes: number) => JSON.stringify({ text: "x".repeat(bytes - '{"text":""}'.length) });
  const chunked = (whole: string) =>
    new ReadableStream({
      start(controller) {
        const bytes = new TextEncoder().encode(whole);
        for (let at = 0; at < bytes.length; at += 10_000) controller.enqueue(bytes.subarray(at, at + 10_000));
        controller.close();
      },
    });

  test("may be 64 KiB", async () => {
    expect((await put(text(MAX_BODY_BYTES))).status).toBe(200);
    const response = await put(chunked(text(MAX_BODY_BYTES)));
    expect(response.status).toBe(200);
    expect(((await response.json()) as { text: string }).text.length).toBe(MAX_BODY_BYTES - 11);
  });

  test("HTTP-24: a chunked body that is broken off is 400, and no fault of ours", async () => {
    const head =
      "PUT /api/v1/notes/5 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    const before = app.lines.length;
    const ignored = () => {};
    const { socket, answered } = rawRequest({
      url: app.origin,
      bytes: `${head}5\r\n{"nam\r\n`,
      onBytes: ignored,
      onEnd: ignored,
    });
    socket.write("", () => socket.destroy());
    await answered.catch(ignored);
    const line = await app.logged('"msg":"request"', before);
    expect(JSON.parse(line)).toMatchObject({ level: "info", status: 400 });
    expect(app.lines.slice(before).join("")).not.toContain('"level":"error"');
  });

  test("not a byte more, declared or chunked", async () => {
    expect(await problemOf(await put(text(MAX_BODY_BYTES + 1)))).toMatchObject({ status: 413, code: "too_large" });
    expect(await problemOf(await put(chunked(text(MAX_BODY_BYTES + 1))))).toMatchObject({ status: 413 });
  });

  test("may be four times that for polls, whose cursor may be 64 KiB", async () => {
    const poll = (bytes: number) =>
      app.ask("/api/v1/events", { method: "POST", body: "x".repeat(bytes), headers: asJson });
    expect((await poll(262_144)).status).toBe(404);
    expect((await poll(262_145)).status).toBe(413);
  });

  test("counts where the body is ignored too", async () => {
    const init = { method: "DELETE", token: "alice", body: text(MAX_BODY_BYTES + 1), headers: asJson };
    expect((await app.ask("/api/v1/notes/5", init)).status).toBe(413);
  });
});

describe("HTTP-5: nothing there", () => {
  test.each(["/nothing", "/api/v1/nothing", "/api/v1/notes", "/docs/package.json", "/docs/__proto__"])(
    "%s is 404",
    async (path) => {
      expect(await problemOf(await app.ask(path))).toMatchObject({ code: "not_found" });
    },
  );

  test("a wrong method is 405 and names the right ones", async () => {
    const response = await app.ask("/api/v1/notes/5", { method: "POST" });
    expect(await problemOf(response)).toMatchObject({ status: 405, code: "method_not_allowed" });
    expect(response.headers.get("Allow")?.split(", ").sort()).toEqual(["DELETE", "GET", "HEAD", "PUT"]);
    expect((await app.ask("/healthz", { method: "DELETE" })).status).toBe(405);
  });

  test.each<[string, string, string | undefined]>([
    ["GET", "/api/v1/notes/latest", "DELETE"],
    ["PUT", "/api/v1/notes/latest", "DELETE"],
    ["GET", "/api/v1/notes/5/scan", "POST"],
    ["HEAD", "/api/v1/notes/5/scan", "POST"],
    ["HEAD", "/api/v1/notes/latest", "DELETE"],
    ["OPTIONS", "/api/v1/notes/5", "DELETE, GET, HEAD, PUT"],
    ["POST", "/api/v1/notes/abc", "DELETE, GET, HEAD, PUT"],
    ["POST", "/api/v1/notes/a%2Fb", "DELETE, GET, HEAD, PUT"],
    ["PUT", "/docs/swagger-ui.css", "GET, HEAD"],
    ["PUT", "/docs/start.js", "GET, HEAD"],
    ["PUT", "/docs", "GET, HEAD"],
    ["HEAD", "/api/v1/notes/5", undefined],
    ["HEAD", "/docs", undefined],
  ])("HTTP-28: %s %s: what the path takes is %s", async (method, path, allow) => {
    const response = await app.ask(path, { method });
    const answer = { status: response.status, allow: response.headers.get("Allow") ?? undefined };
    expect(answer).toEqual(allow === undefined ? { status: 200, allow } : { status: 405, allow });
  });

  test.each(["/api/v1/notes/5/", "/api/v1/notes//scan", "/api/v1/notes/5/scan/6", "/api/v1/notes/latest/x"])(
    "HTTP-28: %s is no route, whatever the method",
    async (path) => {
      for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
        const response = await app.ask(path, { method });
        expect([response.status, response.headers.get("Allow")]).toEqual([404, null]);
      }
    },
  );

  test("HTTP-28: a page of another host may read what a path takes", async () => {
    const headers = { Origin: "https://app.example.com" };
    const response = await app.ask("/api/v1/notes/latest", { method: "POST", headers });
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("https://app.example.com");
    expect([response.status, response.headers.get("Allow")]).toEqual([405, "DELETE"]);
    const asks = { ...headers, "Access-Control-Request-Method": "DELETE" };
    expect((await app.ask("/api/v1/notes/latest", { method: "OPTIONS", headers: asks })).status).toBe(204);
  });
});
