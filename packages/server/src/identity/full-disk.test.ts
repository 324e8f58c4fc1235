import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import type { Context } from "../context.ts";
import type { Login } from "../http/login.ts";
import { ProblemError } from "../lib/problem.ts";
import * as actions from "./login-actions.ts";
import { Logins } from "./logins.ts";
import { createLogin } from "./logins-writes.ts";
import { hashOf, newToken } from "./tokens.ts";

/** Signing out while nothing can be written. */

let chat: ChatFixture;
let ann: number;
let bob: number;
let refused: (readonly number[])[];
beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob] = (await chat.people(2)) as [number, number];
  refused = [];
  chat.context.logins.onRefused((loginIds) => refused.push(loginIds));
});
afterEach(() => chat.close());

async function signIn(uid: number): Promise<{ token: string; loginId: number }> {
  const token = newToken();
  const input = { uid, tokenHash: hashOf(token), ip: "", userAgent: "", via: "password" as const };
  const { loginId } = await chat.scratch.writes.run(createLogin, input);
  return { token, loginId };
}

/** The same server with a full disk. */
const failing = (error: Error): Context => ({
  ...chat.context,
  writes: { ...chat.context.writes, run: () => Promise.reject(error) },
});
const FULL = new Error("database or disk is full");
const actor = (uid: number) => ({ uid }) as Login;
const holds = async ({ token }: { token: string }) => (await chat.context.logins.find(token)) !== undefined;
const codeOf = (asked: Promise<unknown>) => asked.catch((error: { code?: string }) => error.code ?? String(error));
const stored = async () => (await chat.scratch.db.selectFrom("logins").select("id").execute()).map(({ id }) => id);

test.each([FULL, new ProblemError("overloaded")])(
  "ID-49: a login that is ended while nothing can be written (%s) is refused, and removed when something can",
  async (error) => {
    const [phone, desk] = [await signIn(ann), await signIn(ann)];
    expect(await holds(phone)).toBe(true);
    const asked = actions.revokeLogin(failing(error), actor(ann), phone.loginId);
    expect(await asked.catch(({ code, status, retryAfterMs }) => [code, status, retryAfterMs])).toEqual([
      ...["overloaded", 503, 10_000],
    ]);
    expect([await holds(phone), await holds(desk)]).toEqual([false, true]);
    expect(refused).toEqual([[phone.loginId]]);
    expect(await stored()).toEqual([phone.loginId, desk.loginId]);
    await chat.context.logins.sweep({ atMost: 0 });
    expect(await stored()).toEqual([desk.loginId]);
    expect([await holds(phone), await holds(desk)]).toEqual([false, true]);
    // Once.
    const run = spyOn(chat.scratch.writes, "run");
    await chat.context.logins.sweep({ atMost: 0 });
    expect(run).not.toHaveBeenCalled();
  },
);

test("ID-49: signing out everywhere ends all of the person's logins, and nobody else's", async () => {
  const [phone, desk, bobs] = [await signIn(ann), await signIn(ann), await signIn(bob)];
  expect(await codeOf(actions.revokeAllLogins(failing(FULL), actor(ann)))).toBe("overloaded");
  expect([await holds(phone), await holds(desk), await holds(bobs)]).toEqual([false, false, true]);
  // Another process knows nothing of it.
  const { db, writes, clock } = chat.scratch;
  expect(await new Logins({ db, writes, clock }).find(phone.token)).toBeDefined();
});

test("ID-49: another person's login, or what is refused for a reason, ends nothing", async () => {
  const [phone, bobs] = [await signIn(ann), await signIn(bob)];
  expect(await codeOf(actions.revokeLogin(failing(FULL), actor(ann), bobs.loginId))).toBe(String(FULL));
  const notFound = failing(new ProblemError("not_found"));
  expect(await codeOf(actions.revokeLogin(notFound, actor(ann), phone.loginId))).toBe("not_found");
  expect([await holds(phone), await holds(bobs)]).toEqual([true, true]);
  expect(refused).toEqual([]);
});
