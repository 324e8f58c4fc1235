import { afterEach, beforeEach, expect, test } from "bun:test";
import { LIMITS } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { StillTime } from "../../test/still-time.ts";
import { addressMark, tokenMark } from "./known-requesters.ts";
import * as actions from "./login-actions.ts";
import { removeExpiredLogins } from "./logins-upkeep.ts";
import { createLogin } from "./logins-writes.ts";
import * as qr from "./qr-actions.ts";
import { hashOf, newToken } from "./tokens.ts";

/** What a machine's clock that jumps does to what ends. */

const MINUTE = 60_000;
const DAY = 86_400_000;
const FROM = { ip: "203.0.113.9", userAgent: "test", baseUrl: "http://localhost" };

let chat: ChatFixture;
let time: StillTime;
let ann: number;
let room: number;
beforeEach(async () => {
  time = new StillTime();
  chat = await ChatFixture.open();
  [ann] = (await chat.people(1)) as [number];
  room = await chat.group(ann);
});
afterEach(async () => {
  time[Symbol.dispose]();
  await chat.close();
});

/** Time as everything sees it that is right. */
function pass(ms: number): void {
  time.advance(ms);
  chat.clock.advance(ms);
  chat.scratch.uptime.advance(ms);
}

/** The clock is ahead while somebody writes, and is set right. */
async function jumpAndBack(ms: number): Promise<void> {
  chat.clock.advance(ms);
  await chat.say(ann, room, "by a clock that is ahead");
  chat.clock.advance(-ms);
}

async function signIn(): Promise<{ token: string; loginId: number; expiresAt: number }> {
  const token = newToken();
  const input = { uid: ann, tokenHash: hashOf(token), ip: "", userAgent: "", via: "password" as const };
  return { token, ...(await chat.scratch.writes.run(createLogin, input)) };
}

/** Twice as often as the server does it, over so long a time. */
async function sweepFor(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 5 * MINUTE) {
    pass(5 * MINUTE);
    await chat.context.logins.sweep({ atMost: 10 });
  }
}

const state = async ({ code, secret }: { code: string; secret: string }) =>
  (await qr.pollQrCode(chat.context, { code, secret, waitMs: 0 })).state;
const codeOf = (asked: Promise<unknown>) => asked.then(() => "ok").catch((error: { code: string }) => error.code);

test("ID-30: a QR code made after the clock was a day ahead lives for a minute", async () => {
  await jumpAndBack(DAY);
  const made = await qr.createQrCode(chat.context, FROM);
  expect(made.expiresAt).toBe(chat.clock.now() + LIMITS.qrLifetimeMs);
  const { loginId } = await signIn();
  pass(MINUTE - 1);
  expect(await codeOf(qr.scanQrCode(chat.context, { uid: ann, loginId } as never, made.code))).toBe("ok");
  pass(1);
  expect(await state(made)).toBe("expired");
  expect(await codeOf(qr.confirmQrCode(chat.context, { uid: ann, loginId } as never, made.code))).toBe("not_found");
});

test("ID-30: a QR code confirmed after the clock was a day ahead can be collected for half a minute", async () => {
  await jumpAndBack(DAY);
  const codes = [await qr.createQrCode(chat.context, FROM), await qr.createQrCode(chat.context, FROM)] as const;
  const actor = { uid: ann, loginId: (await signIn()).loginId } as never;
  pass(MINUTE - 1);
  for (const { code } of codes) {
    await qr.scanQrCode(chat.context, actor, code);
    await qr.confirmQrCode(chat.context, actor, code);
  }
  pass(MINUTE / 2 - 1);
  expect(await qr.collectQrLogin(chat.context, codes[0])).toBeDefined();
  pass(1);
  expect(await qr.collectQrLogin(chat.context, codes[1])).toBeUndefined();
});

test("ID-30: a QR code made while the clock was ahead is good no longer when it is right, nor a day later, and is removed", async () => {
  chat.clock.advance(DAY);
  const [made, shown] = [await qr.createQrCode(chat.context, FROM), await qr.createQrCode(chat.context, FROM)];
  const { loginId } = await signIn();
  const actor = { uid: ann, loginId } as never;
  await qr.scanQrCode(chat.context, actor, made.code);
  await qr.confirmQrCode(chat.context, actor, made.code);
  chat.clock.advance(-DAY);
  expect([await state(shown), await state(made)]).toEqual(["expired", "expired"]);
  expect(await qr.collectQrLogin(chat.context, made)).toBeUndefined();
  expect(await codeOf(qr.scanQrCode(chat.context, actor, made.code))).toBe("not_found");
  await qr.removeExpiredQrCodes(chat.context, { atMost: 1 });
  expect(await chat.scratch.db.selectFrom("qr_logins").select("code").execute()).toEqual([]);
});

test("ID-30: a clock that is put right by some seconds ends no QR code", async () => {
  const made = await qr.createQrCode(chat.context, FROM);
  chat.clock.advance(-MINUTE);
  expect(await state(made)).toBe("pending");
  await qr.removeExpiredQrCodes(chat.context, { atMost: 1 });
  expect(await state(made)).toBe("pending");
});

test("IM-22: after the clock was ahead, messages can be recalled for twice two minutes at most", async () => {
  await jumpAndBack(DAY);
  const [early, late] = [await chat.say(ann, room, "one"), await chat.say(ann, room, "two")];
  pass(4 * MINUTE);
  expect((await chat.ask(ann, "DELETE", `/messages/${early.message.id}`)).status).toBe(200);
  pass(2);
  expect((await chat.ask(ann, "DELETE", `/messages/${late.message.id}`)).body.code).toBe("recall_too_late");
});

test("ID-9: a login made after the clock was a month ahead lives for 30 days, also one that is refreshed", async () => {
  await jumpAndBack(31 * DAY);
  const made = await signIn();
  expect(made.expiresAt).toBe(chat.clock.now() + 30 * DAY);
  const next = await actions.refreshLogin(
    chat.context,
    { uid: ann, loginId: made.loginId },
    { presented: made.token, keep: false },
  );
  expect(next.expiresAt).toBe(chat.clock.now() + 30 * DAY);
  // The token before it holds for five minutes (ID-11).
  pass(5 * MINUTE - 1);
  chat.context.logins.forget(made.loginId);
  expect(await chat.context.logins.find(made.token)).toBeDefined();
  pass(1);
  chat.context.logins.forget(made.loginId);
  expect(await chat.context.logins.find(made.token)).toBeUndefined();
});

test("ID-48: a clock that jumps ends no login for good: it is refused, and holds again when the clock is right", async () => {
  const { token } = await signIn();
  await sweepFor(60 * MINUTE);
  chat.clock.advance(31 * DAY);
  expect(await chat.context.logins.find(token)).toBeUndefined();
  await sweepFor(55 * MINUTE);
  chat.clock.advance(-31 * DAY);
  await sweepFor(MINUTE);
  expect(await chat.context.logins.find(token)).toBeDefined();
});

test("ID-9: a login that lives by the clock is not removed because the log is ahead of it", async () => {
  const { token, loginId } = await signIn();
  await jumpAndBack(31 * DAY);
  await chat.scratch.writes.run(removeExpiredLogins, { loginIds: [loginId] });
  expect(await chat.context.logins.find(token)).toBeDefined();
});

test("ID-48: a clock that is right by itself for an hour is believed, and what has expired is removed", async () => {
  await signIn();
  await sweepFor(60 * MINUTE);
  chat.clock.advance(31 * DAY);
  await sweepFor(60 * MINUTE);
  expect(await chat.scratch.db.selectFrom("logins").select("id").execute()).toHaveLength(1);
  await sweepFor(5 * MINUTE);
  expect(await chat.scratch.db.selectFrom("logins").select("id").execute()).toEqual([]);
});

test("ID-48: from where people sign in is not forgotten at a jump either", async () => {
  const known = () => chat.scratch.db.selectFrom("known_requesters").select("mark").execute();
  const { token } = await signIn();
  await sweepFor(60 * MINUTE);
  chat.clock.advance(91 * DAY);
  await actions.forgetOldRequesters(chat.context, { atMost: 1 });
  expect(await known()).toEqual([{ mark: addressMark("") }]);
  await sweepFor(65 * MINUTE);
  await actions.forgetOldRequesters(chat.context, { atMost: 1 });
  // The end of the login has made its token known.
  expect(await known()).toEqual([{ mark: tokenMark(hashOf(token)) }]);
});
