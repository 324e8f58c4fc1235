import { afterAll, beforeAll, expect, test } from "bun:test";
import { OpenAPIHono } from "@hono/zod-openapi";
import { ApiClient } from "../../test/api-client.ts";
import { ServerProcess } from "../../test/server-process.ts";
import { withDeadline } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { HeavyWork } from "../limits/heavy-work.ts";
import { LOCAL_RATES } from "../limits/limits.ts";
import { LocalRate } from "../limits/local-rate.ts";
import { createLogger } from "../ops/logger.ts";
import type { AppEnv } from "./app-env.ts";
import { authenticate, requireLogin } from "./authenticate.ts";
import { errorHandler, errorResponses } from "./errors.ts";
import { LargeReplies } from "./large-replies.ts";
import { requestRates } from "./request-rates.ts";

/** An app with a route for people and one that looks at no token. Ada's two devices are `ada` and `tablet`. */
function rig({
  burst = 3,
  ofNetwork,
}: {
  burst?: number;
  ofNetwork?: Pick<LocalRate, "take" | "tryTake" | "check" | "giveBack">;
} = {}) {
  const row = { count: 1, windowMs: 3_600_000, burst };
  const looked: string[] = [];
  const findLogin = async (token: string) => {
    looked.push(token);
    if (token === "unlucky") throw new Error("no disk");
    if (token === "disabled") throw new ProblemError("account_disabled");
    const uid = { ada: 20_000, tablet: 20_000, bob: 20_001 }[token];
    return uid === undefined ? undefined : ({ loginId: 1, uid, power: 0 } as const);
  };
  const app = new OpenAPIHono<AppEnv>();
  app.onError(errorHandler(errorResponses(createLogger({ level: "silent", sink: { write: () => {} } }))));
  app.use(
    requestRates({
      findLogin,
      ofAddress: new LocalRate({ ...LOCAL_RATES.anonymousRequests, ...row }, { enabled: true }),
      ofNetwork:
        ofNetwork ?? new LocalRate({ ...LOCAL_RATES.anonymousRequestsOfNetwork, ...row, burst: 5 }, { enabled: true }),
      ofPerson: new LocalRate({ ...LOCAL_RATES.requests, ...row, burst: 5 }, { enabled: true }),
    }),
  );
  app.use(
    authenticate({ findLogin, countBadToken: () => {}, heavyWork: new HeavyWork(), largeReplies: new LargeReplies() }),
  );
  app.get("/mine", requireLogin, (c) => c.body(null, 204));
  const ask = async (path: string, token?: string, ip = "203.0.113.9") => {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: token };
    return (await app.request(path, { headers }, { ip })).status;
  };
  const asks = async (times: number, ...what: Parameters<typeof ask>) => {
    const statuses: number[] = [];
    for (let n = 0; n < times; n++) statuses.push(await ask(...what));
    return statuses;
  };
  return { asks, looked };
}

test("HTTP-41: what comes without a valid token is counted by address, on every path", async () => {
  const { asks } = rig();
  expect(await asks(5, "/nothing")).toEqual([404, 404, 404, 429, 429]);
  expect(await asks(1, "/mine")).toEqual([429]);
  expect(await asks(4, "/nothing", undefined, "2001:db8::1")).toEqual([404, 404, 404, 429]);
  expect(await asks(1, "/nothing", undefined, "2001:db8::2")).toEqual([429]);
});

test("HTTP-41: an IPv6 network, of which one customer may have all addresses, has a rate as well", async () => {
  const { asks } = rig();
  const statuses: number[] = [];
  for (let n = 0; n < 8; n++) statuses.push(...(await asks(1, "/nothing", undefined, `2001:db8:0:${n}::1`)));
  expect(statuses).toEqual([404, 404, 404, 404, 404, 429, 429, 429]);
  expect(await asks(1, "/mine", "Bearer ada", "2001:db8:0:9::1")).toEqual([204]);
  expect(await asks(1, "/nothing", undefined, "2001:db8:1:9::1")).toEqual([404]);
});

test("HTTP-41: what a network refuses is counted in no address", async () => {
  let isFull = true;
  const check = () => {
    if (isFull) throw new ProblemError("rate_limited");
  };
  const { asks } = rig({ ofNetwork: { tryTake: () => !isFull, check, take: check, giveBack: () => {} } });
  expect(await asks(2, "/nothing", undefined, "2001:db8::1")).toEqual([429, 429]);
  isFull = false;
  expect(await asks(4, "/nothing", undefined, "2001:db8::1")).toEqual([404, 404, 404, 429]);
});

test("HTTP-41: a fault while a token is looked up is no refusal", async () => {
  const { asks } = rig();
  await asks(3, "/nothing");
  expect(await asks(1, "/nothing", "Bearer unlucky")).toEqual([500]);
});

test("HTTP-41: people count in no network, and what a network refuses counts in no address", async () => {
  const { asks } = rig();
  for (const token of ["ada", "bob"])
    expect(await asks(5, "/mine", `Bearer ${token}`, "2001:db8::1")).toEqual(Array(5).fill(204));
  expect(await asks(3, "/nothing", undefined, "2001:db8::1")).toEqual([404, 404, 404]);
  expect(await asks(2, "/nothing", undefined, "2001:db8:0:1::1")).toEqual([404, 404]);
  expect(await asks(1, "/nothing", undefined, "2001:db8:0:1::1")).toEqual([429]);
});

test("HTTP-41, HTTP-10: probes are not counted", async () => {
  const { asks } = rig();
  for (const path of ["/healthz", "/readyz"]) expect(await asks(5, path)).toEqual(Array(5).fill(404));
  expect(await asks(4, "/healthz/more")).toEqual([404, 404, 404, 429]);
});

test("HTTP-41: an invalid token, and other schemes, count like no token", async () => {
  for (const token of ["Bearer nobody", "Bearer", "Basic YTpi", "Bearer a b"]) {
    const { asks } = rig();
    expect([token, await asks(5, "/nothing", token)]).toEqual([token, [404, 404, 404, 429, 429]]);
    expect([token, await asks(1, "/mine", token)]).toEqual([token, [429]]);
  }
});

test("HTTP-41: people are counted for themselves, with all their devices, and not for their address", async () => {
  const { asks } = rig();
  expect(await asks(3, "/mine", "Bearer ada")).toEqual([204, 204, 204]);
  expect(await asks(3, "/mine", "bearer  tablet")).toEqual([204, 204, 429]);
  expect(await asks(1, "/mine", "Bearer ada", "198.51.100.1")).toEqual([429]);
  // Only the refused request stays counted for the address.
  expect(await asks(1, "/mine", "Bearer bob")).toEqual([204]);
});

test("HTTP-41: a valid token passes where the address has used up its rate, in the header and in the query", async () => {
  const { asks, looked } = rig();
  expect(await asks(4, "/nothing")).toEqual([404, 404, 404, 429]);
  expect(looked).toEqual([]);
  expect(await asks(2, "/mine", "BEARER bob")).toEqual([204, 204]);
  expect(await asks(1, "/nothing?token=bob")).toEqual([404]);
  // And frees nothing for others of the address.
  expect(await asks(1, "/nothing")).toEqual([429]);
});

test("HTTP-41: where the address has used up its rate people are counted on every path, those that look at no token too", async () => {
  const { asks } = rig();
  await asks(3, "/nothing");
  expect(await asks(6, "/nothing", "Bearer ada")).toEqual([404, 404, 404, 404, 404, 429]);
  expect(await asks(1, "/mine", "Bearer tablet")).toEqual([429]);
  // Once each, whatever the path.
  expect(await asks(6, "/mine", "Bearer bob")).toEqual([204, 204, 204, 204, 204, 429]);
  expect(await asks(1, "/nothing")).toEqual([429]);
});

test("HTTP-41: a token of a disabled account counts like one that is not valid", async () => {
  const { asks } = rig();
  expect(await asks(4, "/mine", "Bearer disabled")).toEqual([403, 403, 403, 429]);
});

const server = new ServerProcess({ RATE_LIMITS: "on" });
beforeAll(() => server.start());
afterAll(() => server.remove());

test("HTTP-41, HTTP-25: a server refuses what is beyond the rate, late, and answers people of the same address", async () => {
  const account = { name: "ada", password: "a long password" };
  const { token } = await new ApiClient(server.url).ok<{ token: string }>("POST", "/accounts", account);
  const statusOf = async () => {
    const response = await fetch(`${server.url}/api/v1/rooms/1`);
    await response.arrayBuffer();
    return response.status;
  };
  const { burst } = LOCAL_RATES.anonymousRequests;
  const askedMs = performance.now();
  const flood = Promise.all(Array.from({ length: 4 * burst }, statusOf));
  const mine = async () => (await new ApiClient(server.url, token).call("GET", "/me")).status;
  expect(await withDeadline(mine(), 30_000, "a person was not answered")).toBe(200);
  const statuses = await withDeadline(flood, 30_000, "not all were answered");
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  const seconds = (performance.now() - askedMs) / 1000;
  const passed = statuses.filter((status) => status === 200).length;
  expect(passed).toBeGreaterThanOrEqual(burst - 1);
  expect(passed).toBeLessThanOrEqual(burst + LOCAL_RATES.anonymousRequests.count * seconds);
  expect(statuses.filter((status) => status === 429)).toHaveLength(statuses.length - passed);
}, 60_000);
