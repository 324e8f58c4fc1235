import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import type { Login } from "../http/login.ts";
import * as actions from "./login-actions.ts";
import { createLogin, endLoginsOf } from "./logins-writes.ts";
import * as qr from "./qr-actions.ts";
import { hashOf, newToken } from "./tokens.ts";

let chat: ChatFixture;
let ann: number;
beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann] = (await chat.people(1)) as [number];
});
afterEach(() => chat.close());

async function signIn(): Promise<Login & { loginId: number }> {
  const input = { uid: ann, tokenHash: hashOf(newToken()), ip: "", userAgent: "", via: "password" as const };
  const { loginId } = await chat.scratch.writes.run(createLogin, input);
  return { uid: ann, loginId, power: 0 };
}

/** A device that somebody who has the login signs in. */
async function letIn(by: Login): Promise<string> {
  const made = await qr.createQrCode(chat.context, { ip: "203.0.113.9", userAgent: "thief", baseUrl: "" });
  await qr.scanQrCode(chat.context, by, made.code);
  await qr.confirmQrCode(chat.context, by, made.code);
  return (await qr.collectQrLogin(chat.context, made))?.token ?? "";
}

const holds = async (token: string) => (await chat.context.logins.find(token)) !== undefined;

test("ID-46: a login made by QR code goes on when the one that confirmed it ends, and ends with all", async () => {
  const stolen = await signIn();
  const thief = await letIn(stolen);
  expect(await holds(thief)).toBe(true);
  await actions.revokeLogin(chat.context, stolen, stolen.loginId);
  chat.context.logins.forget(stolen.loginId);
  expect(await holds(thief)).toBe(true);
  await actions.revokeAllLogins(chat.context, await signIn());
  expect(await chat.scratch.db.selectFrom("logins").select("id").execute()).toEqual([]);
});

test("ID-46: the end of all other logins ends it too", async () => {
  const [stolen, own] = [await signIn(), await signIn()];
  await letIn(stolen);
  await chat.statements((tx) => endLoginsOf(tx, [ann], own.loginId));
  expect(await chat.scratch.db.selectFrom("logins").select("id").execute()).toEqual([{ id: own.loginId }]);
});
