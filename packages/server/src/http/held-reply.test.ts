import { expect, test } from "bun:test";
import { Hono } from "hono";
import { nextTurn } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv } from "./app-env.ts";
import { answerHeld, holdReply, whenReplied } from "./held-reply.ts";

/** An app with one route that holds its reply, under a middleware that adds headers and records the status. */
function holding(reply: Promise<Response>) {
  const statuses: number[] = [];
  const thrown: unknown[] = [];
  const app = new Hono<AppEnv>();
  app.use(async (c, next) => {
    await next();
    c.res.headers.set("X-Request-Id", "r1");
    c.res.headers.set("Cache-Control", "no-store");
    whenReplied(c.res, (status) => void statuses.push(status));
  });
  app.get("/held", () => holdReply(reply));
  app.get("/plain", (c) => c.text("at once"));
  answerHeld(app as never, (error, request) => {
    thrown.push(error, request);
    return new Response("refused", { status: 401 });
  });
  return { app, statuses, thrown };
}

test("a held reply has its own status, body and headers, and those that every reply gets", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  const { app, statuses } = holding(promise);
  const answer = app.request("/held");
  await nextTurn();
  expect(statuses).toEqual([]);
  resolve(new Response("late", { status: 203, headers: { "Cache-Control": "private", "Content-Type": "text/x" } }));
  const response = await answer;
  expect([response.status, await response.text(), statuses]).toEqual([203, "late", [203]]);
  const { headers } = response;
  expect(["X-Request-Id", "Cache-Control", "Content-Type"].map((name) => headers.get(name))).toEqual([
    "r1",
    "private",
    "text/x",
  ]);
});

test("what rejects a held reply is answered as what a route throws, with the same headers", async () => {
  const error = new ProblemError("unauthorized");
  const { app, statuses, thrown } = holding(Promise.reject(error));
  const response = await app.request("/held?token=secret");
  expect([response.status, response.headers.get("X-Request-Id"), statuses]).toEqual([401, "r1", [401]]);
  expect(thrown).toEqual([error, { method: "GET", path: "/held" }]);
});

test("a reply that is not held is itself, and is seen at once", async () => {
  const { app, statuses } = holding(Promise.resolve(new Response()));
  const response = await app.request("/plain");
  expect([response.status, await response.text(), statuses]).toEqual([200, "at once", [200]]);
});
