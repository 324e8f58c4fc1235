import { beforeEach, expect, test } from "bun:test";
import { Hono } from "hono";
import { ProblemError } from "../lib/problem.ts";
import { HeavyWork } from "../limits/heavy-work.ts";
import type { AppEnv } from "./app-env.ts";
import { authenticate, lookAgain, optionalLogin, requireAdministrator, requireLogin } from "./authenticate.ts";
import { problemResponse } from "./errors.ts";
import { LargeReplies } from "./large-replies.ts";

const IP = "203.0.113.9";
let counted: string[];
let requestsOf: number[];
let isLimited: boolean;
let power: 0 | 1;
let isBanned: boolean;

const app = new Hono<AppEnv>();
app.onError((error) => {
  if (error instanceof ProblemError) return problemResponse(error);
  throw error;
});
app.use(async (c, next) => {
  c.set("countRequest", (uid) => void requestsOf.push(uid));
  await next();
});
app.use(
  authenticate({
    findLogin: async (token) => (token === "alice" ? { loginId: 7, uid: 20_000, power } : undefined),
    countBadToken: (ip) => {
      counted.push(ip);
      if (isLimited) throw new ProblemError("rate_limited", undefined, { retryAfterMs: 60_000 });
    },
    heavyWork: new HeavyWork(),
    addressRefusal: () => (isBanned ? new ProblemError("banned") : undefined),
    largeReplies: new LargeReplies(),
  }),
);
app.get("/optional", optionalLogin, (c) => c.body(null, 204));
app.get("/login", requireLogin, (c) => c.body(null, 204));
app.get("/admin", requireAdministrator, async (c) => {
  if (c.req.query("meanwhile") !== undefined) power = 0;
  await lookAgain(c as Parameters<typeof lookAgain>[0]);
  return c.body(null, 204);
});

beforeEach(() => {
  counted = [];
  requestsOf = [];
  isLimited = false;
  power = 0;
  isBanned = false;
});

async function statusOf(path: string, authorization?: string): Promise<number> {
  const headers = authorization === undefined ? {} : { Authorization: authorization };
  return (await app.request(path, { headers }, { ip: IP } as AppEnv["Bindings"])).status;
}

const paths = ["/optional", "/login"];

test("HTTP-1, GW-45: each token that is not valid is counted for its sender's address, and answered as the count says", async () => {
  for (const path of paths) expect(await statusOf(path, "Bearer nobody")).toBe(401);
  expect(counted).toEqual([IP, IP]);
  isLimited = true;
  for (const path of paths) expect(await statusOf(path, "Bearer nobody")).toBe(429);
});

test("HTTP-1, GW-45: a valid token, none, and other schemes are not counted", async () => {
  isLimited = true;
  expect(await Promise.all(paths.map((path) => statusOf(path, "Bearer alice")))).toEqual([204, 204]);
  expect(await Promise.all(paths.map((path) => statusOf(path)))).toEqual([204, 401]);
  expect(await Promise.all(paths.map((path) => statusOf(path, "Basic YTpi")))).toEqual([401, 401]);
  expect(counted).toEqual([]);
  // As requests of the person, whatever else they are.
  expect(requestsOf).toEqual([20_000, 20_000]);
});

test("ADM-1: administrators alone are answered, and only as long as they are administrators", async () => {
  expect(await statusOf("/admin")).toBe(401);
  expect(await statusOf("/admin", "Bearer nobody")).toBe(401);
  expect(await statusOf("/admin", "Bearer alice")).toBe(403);
  power = 1;
  expect(await statusOf("/admin", "Bearer alice")).toBe(204);
  expect(await statusOf("/admin?meanwhile=1", "Bearer alice")).toBe(403);
});

test("BAN-8: an address that was banned since the request came is refused when the login is looked at again", async () => {
  power = 1;
  expect(await statusOf("/admin", "Bearer alice")).toBe(204);
  isBanned = true;
  expect(await statusOf("/admin", "Bearer alice")).toBe(403);
});
