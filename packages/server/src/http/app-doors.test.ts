import { afterAll, describe, expect, test } from "bun:test";
import { AppFixture, problemOf } from "../../test/app-fixture.ts";
import { StillTime } from "../../test/still-time.ts";
import { ProblemError } from "../lib/problem.ts";

const app = new AppFixture();
afterAll(() => app.stop());

test("HTTP-6: a fault of ours is logged with its cause and answered without", async () => {
  app.lines.length = 0;
  const response = await app.ask("/api/v1/fault?token=SECRET-TOKEN");
  const body = await response.text();
  expect(response.status).toBe(500);
  expect(body).not.toContain("SECRET");
  expect(JSON.parse(body)).toMatchObject({ code: "internal" });
  expect(app.lines.join("")).toContain("SECRET-DETAIL");
  expect(app.lines.join("")).not.toContain("SECRET-TOKEN");
});

test("HTTP-6: a request's log line has no query and no token", async () => {
  app.lines.length = 0;
  await app.ask("/api/v1/notes/5?limit=5&token=SECRET", { token: "alice" });
  expect(app.lines).toHaveLength(1);
  const line = JSON.parse(app.lines[0] ?? "");
  expect(line).toMatchObject({ method: "GET", path: "/api/v1/notes/5", status: 200, ip: "203.0.113.9", loginId: 7 });
  // Milliseconds of this request, to two places.
  expect(line.ms).toBeWithin(0, 10_000);
  expect(line.ms).toBe(Math.round(line.ms * 100) / 100);
  expect(app.lines[0]).not.toMatch(/SECRET|alice|limit/);
});

describe("limits by address", () => {
  const scan = (ip: string) => app.ask("/api/v1/notes/5/scan", { method: "POST", ip });

  test("HTTP-7: refuse with Retry-After, by /64 for IPv6, and end", async () => {
    using time = new StillTime();
    for (const ip of ["198.51.100.1", "2001:db8::1"]) {
      expect([(await scan(ip)).status, (await scan(ip)).status]).toEqual([204, 204]);
    }
    const refused = await scan("198.51.100.1");
    expect(refused.headers.get("Retry-After")).toBe("60");
    expect(await problemOf(refused)).toMatchObject({ status: 429, code: "rate_limited" });
    expect((await scan("2001:db8::ffff")).status).toBe(429);
    expect((await scan("2001:db8:0:1::1")).status).toBe(204);
    expect((await scan("198.51.100.2")).status).toBe(204);
    time.advance(60_000);
    expect((await scan("198.51.100.1")).status).toBe(204);
  });
});

describe("HTTP-8: other origins", () => {
  test("that are allowed may read, without credentials", async () => {
    for (const origin of ["https://app.example.com", app.origin]) {
      const response = await app.ask("/api/v1/notes/5", { headers: { Origin: origin } });
      expect(response.headers.get("Access-Control-Allow-Origin")).toBe(origin);
      expect(response.headers.get("Vary")).toContain("Origin");
      expect(response.headers.get("Access-Control-Expose-Headers")).toBe("Retry-After, X-Request-Id");
      expect(response.headers.has("Access-Control-Allow-Credentials")).toBe(false);
    }
  });

  test("may read refusals too", async () => {
    const response = await app.ask("/api/v1/nothing", { headers: { Origin: "https://app.example.com" } });
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("https://app.example.com");
  });

  test("that are not allowed get no permission", async () => {
    const response = await app.ask("/api/v1/notes/5", { headers: { Origin: "https://evil.example" } });
    expect(response.status).toBe(200);
    expect(response.headers.has("Access-Control-Allow-Origin")).toBe(false);
  });

  test("are not ours because a proxy that is not known says so", async () => {
    const headers = { Origin: "https://im.example.org", "X-Forwarded-Host": "im.example.org" };
    const response = await app.ask("/api/v1/notes/5", { headers });
    expect(response.headers.has("Access-Control-Allow-Origin")).toBe(false);
    expect(response.headers.has("Access-Control-Expose-Headers")).toBe(false);
  });

  test("ask by OPTIONS and no other method, and OPTIONS alone asks nothing", async () => {
    const origin = { Origin: "https://app.example.com" };
    const named = { ...origin, "Access-Control-Request-Method": "PUT" };
    expect((await app.ask("/api/v1/notes/5", { headers: named })).status).toBe(200);
    expect((await app.ask("/api/v1/notes/5", { method: "OPTIONS", headers: origin })).status).toBe(405);
  });

  test("ask before they send", async () => {
    const preflight = (origin: string) =>
      app.ask("/api/v1/notes/5", {
        method: "OPTIONS",
        headers: { Origin: origin, "Access-Control-Request-Method": "PUT" },
      });
    const allowed = await preflight("https://app.example.com");
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get("Access-Control-Allow-Methods")).toBe("GET, POST, PUT, PATCH, DELETE");
    expect(allowed.headers.get("Access-Control-Allow-Headers")).toBe(
      "Authorization, Content-Type, X-QR-Secret, Last-Event-ID",
    );
    expect(allowed.headers.get("Access-Control-Max-Age")).toBe("600");
    expect(await problemOf(await preflight("https://evil.example"))).toMatchObject({ code: "origin_forbidden" });
  });
});

test("HTTP-9: every answer carries the security headers", async () => {
  for (const path of ["/api/v1/notes/5", "/api/v1/nothing", "/api/v1/fault", "/healthz"]) {
    const { headers } = await app.ask(path);
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(headers.get("X-Request-Id")).toBeString();
  }
});

describe("operators", () => {
  test("HTTP-10, HTTP-50: /healthz is always fine; /readyz follows the state", async () => {
    expect((await app.ask("/healthz")).status).toBe(200);
    expect((await app.ask("/readyz")).headers.get("Retry-After")).toBe("1");
    expect(await problemOf(await app.ask("/readyz"))).toMatchObject({
      status: 503,
      code: "not_ready",
      state: "starting",
    });

    app.health.set("ready");
    for (let times = 0; times < 2; times++) app.health.warn("forwarder_untrusted");
    const ready = await app.ask("/readyz");
    expect(ready.status).toBe(200);
    expect(await ready.json()).toEqual({ status: "ready", warnings: ["forwarder_untrusted"] });

    app.health.storageFails = true;
    const failing = await app.ask("/readyz");
    expect(failing.headers.get("Retry-After")).toBe("5");
    expect(await problemOf(failing)).toMatchObject({ status: 503, code: "not_ready", state: "storage_fails" });
    app.health.storageFails = false;
    expect((await app.ask("/readyz")).status).toBe(200);

    app.health.set("draining");
    app.health.storageFails = true;
    const draining = await app.ask("/readyz");
    expect(draining.headers.get("Retry-After")).toBe("5");
    expect(await problemOf(draining)).toMatchObject({ status: 503, code: "draining" });
    expect((await app.ask("/healthz")).status).toBe(200);
  });

  test("HTTP-11: /metrics is for loopback or the token", async () => {
    expect((await app.ask("/metrics", { ip: "127.0.0.1" })).status).toBe(200);
    expect((await app.ask("/metrics")).status).toBe(401);
    expect((await app.ask("/metrics", { token: "metrics-token-0124" })).status).toBe(401);
    expect((await app.ask("/metrics", { ip: "::1", token: "metrics-token-0124" })).status).toBe(401);
    await app.ask("/api/v1/notes/5");
    const page = await (await app.ask("/metrics", { token: "metrics-token-0123" })).text();
    expect(page).toMatch(
      /^parley_http_requests_total\{method="GET",route="\/api\/v1\/notes\/:id",status="200"\} \d+$/m,
    );
    expect(page).toMatch(/^parley_http_requests_total\{method="GET",route="none",status="404"\} \d+$/m);
    expect(page).toMatch(/^process_resident_memory_bytes \d+$/m);
    expect(page).toMatch(/^process_cpu_seconds_total \d/m);
    expect(page).not.toContain("/notes/5");
  });

  test("HTTP-11: each method, route and status of requests is counted by itself", async () => {
    const counted = async (method: string, status: number) => {
      const page = await (await app.ask("/metrics", { ip: "127.0.0.1" })).text();
      const labels = `method="${method}",route="/api/v1/notes/:id",status="${status}"`;
      return Number(
        page
          .split("\n")
          .find((line) => line.includes(`{${labels}}`))
          ?.split(" ")[1] ?? 0,
      );
    };
    const kinds = [
      ["GET", 200],
      ["GET", 400],
      ["HEAD", 200],
    ] as const;
    const all = () => Promise.all(kinds.map(([method, status]) => counted(method, status)));
    const before = await all();
    await app.ask("/api/v1/notes/5");
    await app.ask("/api/v1/notes/5?limit=none");
    await app.ask("/api/v1/notes/5?limit=none");
    for (let i = 0; i < 3; i++) await app.ask("/api/v1/notes/5", { method: "HEAD" });
    expect((await all()).map((count, i) => count - (before[i] as number))).toEqual([1, 2, 3]);
  });

  test("HTTP-10: while draining the API refuses and the rest answers", async () => {
    app.refusal = new ProblemError("draining", undefined, { retryAfterMs: 12_000 });
    const response = await app.ask("/api/v1/notes/5");
    app.refusal = undefined;
    expect(response.headers.get("Retry-After")).toBe("12");
    expect(await problemOf(response)).toMatchObject({ status: 503, code: "draining" });
  });
});

/** As much of a document as is looked at here. */
interface OpenApi {
  openapi: string;
  servers: unknown;
  tags: unknown;
  components: {
    securitySchemes: Record<string, unknown>;
    schemas: Record<string, { properties: Record<string, { anyOf?: { enum?: string[] }[] }> }>;
  };
  paths: Record<string, Record<string, { security: unknown; responses: object; parameters: unknown }>>;
}

describe("HTTP-12: the document", () => {
  test("is OpenAPI 3.1 and says what routes need and answer", async () => {
    const document = (await (await app.ask("/openapi.json")).json()) as OpenApi;
    expect(document.openapi).toBe("3.1.0");
    expect(document.servers).toEqual([{ url: "/" }]);
    expect(document.tags).toEqual([{ name: "notes" }]);
    expect(document.components.securitySchemes.bearer).toEqual({ type: "http", scheme: "bearer" });
    expect(document.components.schemas.Problem?.properties.code?.anyOf?.[0]?.enum).toContain("rate_limited");
    const put = document.paths["/api/v1/notes/{id}"]?.put;
    const id = { type: "integer", format: "int64", minimum: 1 };
    expect(put?.security).toEqual([{ bearer: [] }]);
    expect(Object.keys(put?.responses ?? {}).sort()).toEqual([
      "200",
      "400",
      "401",
      "403",
      "404",
      "405",
      "413",
      "415",
      "421",
      "429",
      "431",
      "500",
      "503",
    ]);
    expect(put?.parameters).toEqual([
      { name: "id", in: "path", required: true, schema: { ...id, maximum: Number.MAX_SAFE_INTEGER } },
    ]);
    expect(Object.keys(document.paths)).not.toContain("/metrics");
  });

  test("has a page whose files all come from here", async () => {
    const page = await app.ask("/docs");
    expect(page.headers.get("Content-Security-Policy")).toContain("script-src 'self';");
    const html = await page.text();
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      const { pathname } = new URL(file, "http://here/docs");
      expect(pathname).toStartWith("/docs/");
      expect((await app.ask(pathname)).status).toBe(200);
    }
  });
});

test("requests are counted and timed in seconds, by the pattern of their route", async () => {
  const page = async () => (await app.ask("/metrics", { token: "metrics-token-0123" })).text();
  const value = (text: string, name: string) =>
    Number(new RegExp(`^${name}\\{route="/api/v1/notes/:id"\\} (.+)$`, "m").exec(text)?.[1] ?? 0);
  const before = await page();
  const began = performance.now();
  for (let i = 0; i < 5; i++) await app.ask("/api/v1/notes/5");
  const tookSeconds = (performance.now() - began) / 1000;
  const after = await page();
  const grown = (name: string) => value(after, name) - value(before, name);
  expect(grown("parley_http_request_seconds_count")).toBe(5);
  expect(grown("parley_http_request_seconds_sum")).toBeGreaterThan(0);
  expect(grown("parley_http_request_seconds_sum")).toBeLessThan(tookSeconds);
});
