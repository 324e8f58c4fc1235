import { beforeEach, describe, expect, test } from "bun:test";
import { LargeReplies } from "../../http/large-replies.ts";
import { newRoutes } from "../../http/openapi.ts";
import type { ProblemError } from "../../lib/problem.ts";
import type { ConnectedLogin } from "../connection.ts";
import { pollRoutes } from "./poll-routes.ts";
import type { PollRequest } from "./polls.ts";

const LOGIN: ConnectedLogin = { loginId: 1, uid: 20_000, power: 0, name: "ann", avatar: "", expiresAt: 0 };

let asked: PollRequest[];
let badTokens: string[];
let holds: boolean;
let routes: ReturnType<typeof pollRoutes>;

beforeEach(() => {
  asked = [];
  badTokens = [];
  holds = true;
  routes = open(false);
});

function open(publicHall: boolean) {
  const made = newRoutes();
  made.use(async (c, next) => {
    c.set("largeReplies", new LargeReplies());
    await next();
  });
  const polled = pollRoutes({
    polls: {
      poll: async (ask: PollRequest) => {
        asked.push(ask);
        return { frames: ['{"type":4}'], cursor: "aa;*@1", more: true };
      },
    } as never,
    findLogin: async (token) => (token === "good" && holds ? LOGIN : undefined),
    publicHall,
    countBadToken: (ip) => void badTokens.push(ip),
  });
  made.route("/", polled);
  made.onError((error) => new Response((error as ProblemError).code, { status: (error as ProblemError).status }));
  return made;
}

const bindings = { ip: "203.0.113.9" };
const headers = { Authorization: "Bearer good" };

/** The status, and what was asked of the polls. */
async function get(query: string, more: RequestInit = { headers }) {
  const { status } = await routes.fetch(new Request(`http://h/events${query}`, more), bindings);
  return { status, ask: asked.pop() };
}

function post(body: object) {
  const init = {
    method: "POST",
    body: JSON.stringify(body),
    headers: { ...headers, "Content-Type": "application/json" },
  };
  return get("", init);
}

describe("TR-41: `wait`", () => {
  test.each([
    [0, 0],
    [1, 1],
    [59, 59],
    [60, 60],
    [61, 60],
    [999_999_999, 60],
  ])("of %d s hangs for %d", async (wait, seconds) => {
    for (const answer of [await get(`?wait=${wait}`), await post({ wait })]) {
      expect([answer.status, answer.ask?.waitMs]).toEqual([200, seconds * 1000]);
    }
  });

  test("is 0 if it is not given", async () => {
    for (const answer of [await get(""), await post({}), await post({ wait: null })])
      expect(answer.ask?.waitMs).toBe(0);
  });

  test.each(["-1", "1.5", "x", "", "9999999999", "1e3", " 1"])("is refused where it is %p", async (wait) => {
    expect((await get(`?wait=${encodeURIComponent(wait)}`)).status).toBe(400);
    expect(asked).toEqual([]);
  });
});

test("TR-41: `limit` is 100, at least 1 and at most 1 000; `max` is between 1 and 100 000, or not said", async () => {
  for (const [limit, counts] of [
    [1, 1],
    [999, 999],
    [1000, 1000],
    [1001, 1000],
  ] as const) {
    expect((await get(`?limit=${limit}`)).ask?.limit).toBe(counts);
    expect((await post({ limit })).ask?.limit).toBe(counts);
  }
  for (const { ask } of [await get(""), await post({ limit: null, max: null })]) {
    expect([ask?.limit, ask?.max]).toEqual([100, undefined]);
  }
  for (const max of [1, 100_000]) expect((await get(`?max=${max}`)).ask?.max).toBe(max);
  for (const bad of ["limit=0", "limit=-1", "limit=x", "max=0", "max=100001"]) {
    expect([bad, (await get(`?${bad}`)).status]).toEqual([bad, 400]);
  }
  for (const bad of [{ limit: 0 }, { limit: 1.5 }, { limit: "5" }, { max: 100_001 }, { wait: -1 }]) {
    expect([bad, (await post(bad)).status]).toEqual([bad, 400]);
  }
});

test("TR-12: a poll asks again whether its login holds, and a token that does not is refused and counted", async () => {
  const { ask } = await get("?cursor=aa;*@0");
  expect([ask?.login, ask?.cursor, ask?.ip, await ask?.isLoginValid()]).toEqual([LOGIN, "aa;*@0", "203.0.113.9", true]);
  holds = false;
  expect(await ask?.isLoginValid()).toBe(false);
  expect([(await get("")).status, badTokens]).toEqual([401, ["203.0.113.9"]]);
  expect((await get("", {})).status).toBe(401);
  expect(badTokens).toHaveLength(1);
});

test("TR-14: without a token a public hall is read by nobody in particular, whose right to it does not end", async () => {
  routes = open(true);
  const { ask } = await get("", {});
  expect([ask?.login, await ask?.isLoginValid()]).toEqual([undefined, true]);
  expect((await get("", { headers: { Authorization: "Bearer bad" } })).status).toBe(401);
});

test("TR-31: the token may stand in the address, and the header counts more", async () => {
  expect((await get("?token=good", {})).ask?.login).toBe(LOGIN);
  expect((await get("?token=good", { headers: { Authorization: "Bearer bad" } })).status).toBe(401);
});

test("the reply has its frames as they are", async () => {
  const response = await routes.fetch(new Request("http://h/events", { headers }), bindings);
  expect(response.headers.get("Content-Type")).toContain("application/json");
  expect(await response.text()).toBe('{"events":[{"type":4}],"cursor":"aa;*@1","more":true}');
});
