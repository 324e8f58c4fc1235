import { expect, test } from "bun:test";
import { Hono } from "hono";
import { HeldTimers } from "../../test/held-timers.ts";
import { nextTurn } from "../lib/interval.ts";
import { CAPS } from "../limits/caps.ts";
import { HeavyWork } from "../limits/heavy-work.ts";
import { createLogger } from "../ops/logger.ts";
import type { AppEnv } from "./app-env.ts";
import { authenticate, optionalLogin, requireLogin } from "./authenticate.ts";
import { errorHandler, errorResponses } from "./errors.ts";
import { heavy } from "./heavy.ts";
import { LargeReplies } from "./large-replies.ts";

const ADA = 20_000;
const SIZE = 100_000;
/** A read that takes longer is no longer one of those at once. */
const READ_MS_MAX = 250;

/** An app with heavy routes. Ada's two devices are `ada` and `tablet`; `ended` are logins that have ended. */
function rig({ most }: { most?: number } = {}) {
  const heavyWork = new HeavyWork();
  const largeReplies = new LargeReplies(most === undefined ? {} : { most });
  const ended = new Set<string>();
  const done: string[] = [];
  const app = new Hono<AppEnv>();
  app.onError(errorHandler(errorResponses(createLogger({ level: "silent", sink: { write: () => {} } }))));
  const findLogin = async (token: string) => {
    const loginId = { ada: 1, tablet: 2 }[token];
    return loginId === undefined || ended.has(token) ? undefined : ({ loginId, uid: ADA, power: 0 } as const);
  };
  app.use(authenticate({ findLogin, countBadToken: () => {}, heavyWork, largeReplies }));
  const answer = (text: string) => {
    done.push(text);
    return new Response("x".repeat(SIZE));
  };
  app.get("/mine", requireLogin, heavy, () => answer("read"));
  app.post("/mine", requireLogin, heavy, () => answer("written"));
  app.get("/anybody", optionalLogin, heavy, () => answer("read"));
  const ask = async (method: string, path: string, token?: string, ip = "203.0.113.9") => {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    return app.request(path, { method, headers }, { ip });
  };
  /** Takes all places of one requester, until the returned function is called. */
  const occupy = (who: string | number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    for (let n = 0; n < 4; n++) void heavyWork.run(who, () => promise);
    return resolve;
  };
  return { ask, occupy, ended, done, heavyWork, largeReplies };
}

async function someTurns(): Promise<void> {
  for (let n = 0; n < 10; n++) await nextTurn();
}

test.each(["GET", "POST"])(
  "HTTP-30: a %s whose login ends while it waits for its turn does nothing",
  async (method) => {
    const { ask, occupy, ended, done } = rig();
    const free = occupy(ADA);
    const asked = ask(method, "/mine", "ada");
    const other = ask(method, "/mine", "tablet");
    await someTurns();
    ended.add("ada");
    free();
    expect((await asked).status).toBe(401);
    expect((await other).status).toBe(200);
    expect(done).toHaveLength(1);
  },
);

test("HTTP-16: the places are a person's, on all devices, and an address's, an IPv6 /64 as one", async () => {
  const { ask, occupy, done } = rig();
  const free = [occupy(ADA), occupy("2001:db8:0:0::/64")];
  const waiting = [ask("GET", "/mine", "tablet"), ask("GET", "/anybody", undefined, "2001:db8::77")];
  await someTurns();
  expect(done).toEqual([]);
  expect((await ask("GET", "/anybody", undefined, "2001:db8:0:1::77")).status).toBe(200);
  for (const end of free) end();
  for (const reply of await Promise.all(waiting)) expect(reply.status).toBe(200);
});

test("HTTP-34: requests that come at the same moment have no more waiting than those that come one after another", async () => {
  const { ask, done, largeReplies } = rig({ most: 4 * SIZE });
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask("GET", "/mine", "ada")));
  const statuses = replies.map(({ status }) => status);
  expect(statuses.filter((status) => status === 503)).toHaveLength(19);
  expect([done.length, largeReplies.bytes]).toEqual([1, SIZE]);
  for (const reply of replies) await reply.body?.cancel();
});

test.each([
  ["GET", "/mine", 0],
  ["HEAD", "/mine", 0],
  ["POST", "/mine", 1],
] as const)("HTTP-33: while others read, of a %s %s so many are done: %d", async (method, path, count) => {
  // Theirs do not become too long, however slow the machine is.
  using _timers = new HeldTimers(READ_MS_MAX);
  const { ask, done, heavyWork } = rig();
  const { promise, resolve } = Promise.withResolvers<void>();
  for (let n = 1; n <= CAPS.readsAtOnce.count; n++) void heavyWork.reads.run(n, () => promise);
  await someTurns();
  const asked = ask(method, path, "ada");
  await someTurns();
  expect(done).toHaveLength(count);
  resolve();
  expect((await asked).status).toBe(200);
});

test("HTTP-34: the reply to a HEAD waits for nobody", async () => {
  const { ask, largeReplies } = rig();
  const reply = await ask("HEAD", "/mine", "ada");
  expect([reply.status, await reply.text(), largeReplies.bytes]).toEqual([200, "", 0]);
});
