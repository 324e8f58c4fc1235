import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { Internal } from "./internal-events.ts";
import { createLogin } from "./logins-writes.ts";
import { confirmQrCode, type QrAct, rejectQrCode, scanQrCode } from "./qr-acts.ts";
import { collectQrLogin, createQrCode } from "./qr-writes.ts";

let chat: ChatFixture;
/** Two phones of two people. */
let ann: Omit<QrAct, "code">;
let bob: Omit<QrAct, "code">;
beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob] = (await Promise.all(
    (
      await chat.people(2)
    ).map(async (uid) => {
      const login = { uid, tokenHash: `phone of ${uid}`, ip: "", userAgent: "", via: "password" as const };
      return { uid, loginId: (await chat.scratch.writes.run(createLogin, login)).loginId };
    }),
  )) as [typeof ann, typeof bob];
});
afterEach(() => chat.close());

const run = <I, O>(procedure: Parameters<typeof chat.scratch.writes.run>[0], inputs: readonly I[]) =>
  Promise.allSettled(inputs.map((input) => chat.scratch.writes.run(procedure as never, input as never) as Promise<O>));
const newCodes = (...codes: string[]) =>
  run(
    createQrCode,
    codes.map((code) => ({ code, secretHash: `secret of ${code}`, ip: "203.0.113.9", userAgent: "screen" })),
  );
let tokens = 0;
const collect = (code: string, secretHash = `secret of ${code}`) => ({ code, secretHash, tokenHash: `t${tokens++}` });
const told = () =>
  chat.scratch.events
    .filter(({ type }) => type === Internal.QR_CHANGED)
    .map(({ data }) => JSON.parse(data))
    .map(({ code, state }) => `${code} ${state}`);
const states = async () => {
  const rows = await chat.scratch.db.selectFrom("qr_logins").select(["code", "state"]).orderBy("code").execute();
  return rows.map(({ code, state }) => `${code} ${state}`);
};
const refused = (code: string) => ({ status: "rejected", reason: { code } });
const DONE = { status: "fulfilled" };

test("ID-31: of two logins that scan one code in one batch the first has it, and may repeat it", async () => {
  await newCodes("a", "b");
  const outcomes = await run(scanQrCode, [
    { code: "a", ...ann },
    { code: "a", ...bob },
    { code: "b", ...bob },
    { code: "none", ...ann },
    { code: "a", ...ann },
  ]);
  const requester = { ip: "203.0.113.9", userAgent: "screen", requestedAt: chat.clock.now() };
  expect(outcomes).toMatchObject([
    { value: requester },
    refused("qr_taken"),
    { value: requester },
    refused("not_found"),
    { value: requester },
  ]);
  expect(told()).toEqual(["a scanned", "b scanned"]);
});

test("ID-31: what is confirmed is not rejected any more, and the other way round; both may be repeated", async () => {
  await newCodes("a", "b", "c");
  await run(scanQrCode, [
    { code: "a", ...ann },
    { code: "b", ...ann },
  ]);
  const acts = ["a", "a", "c"].map((code) => ({ code, ...ann }));
  expect(await run(confirmQrCode, acts)).toMatchObject([DONE, DONE, refused("qr_state")]);
  const others = ["a", "b", "b"].map((code) => ({ code, ...ann }));
  expect(await run(rejectQrCode, others)).toMatchObject([refused("qr_state"), DONE, DONE]);
  expect(await run(confirmQrCode, [{ code: "b", ...ann }])).toMatchObject([refused("qr_state")]);
  expect(await states()).toEqual(["a confirmed", "b rejected", "c pending"]);
  expect(told()).toEqual(["a scanned", "b scanned", "a confirmed", "b rejected"]);
});

test("ID-31: a phone that scans again after it has confirmed takes nothing back; one that confirms again after the login was collected is not refused", async () => {
  await newCodes("a");
  const act = { code: "a", ...ann };
  await run(scanQrCode, [act]);
  await run(confirmQrCode, [act]);
  expect(await run(scanQrCode, [act])).toMatchObject([DONE]);
  expect(await states()).toEqual(["a confirmed"]);
  expect(await run(collectQrLogin, [collect("a")])).toMatchObject([{ value: { user: { uid: ann.uid } } }]);
  expect(await run(confirmQrCode, [act])).toMatchObject([DONE]);
  expect(await run(scanQrCode, [act])).toMatchObject([refused("qr_state")]);
  expect([await states(), told()]).toEqual([["a used"], ["a scanned", "a confirmed"]]);
});

test("ID-31: the steps of one code in one batch of mixed kinds follow each other", async () => {
  const { writes } = chat.scratch;
  await newCodes("a");
  const outcomes = await Promise.allSettled([
    writes.run(scanQrCode, { code: "a", ...ann }),
    writes.run(confirmQrCode, { code: "a", ...ann }),
    writes.run(rejectQrCode, { code: "a", ...ann }),
    writes.run(collectQrLogin, collect("a")),
  ]);
  expect(outcomes).toMatchObject([DONE, DONE, refused("qr_state"), { value: { user: { uid: ann.uid } } }]);
  expect(await states()).toEqual(["a used"]);
});

test("ID-30: a code that ran out is not found; one confirmed in its last moment is kept half a minute", async () => {
  await newCodes("a", "b");
  chat.clock.advance(59_999);
  await run(scanQrCode, [{ code: "a", ...ann }]);
  await run(confirmQrCode, [{ code: "a", ...ann }]);
  chat.clock.advance(1);
  expect(await run(scanQrCode, [{ code: "b", ...ann }])).toMatchObject([refused("not_found")]);
  chat.clock.advance(29_998);
  expect(await run(collectQrLogin, [collect("a")])).toMatchObject([{ value: { user: { uid: ann.uid } } }]);
});

test("ID-30: a confirmation shortens nothing: a code confirmed early may be collected as long as it lasts", async () => {
  await newCodes("a", "b");
  const acts = ["a", "b"].map((code) => ({ code, ...ann }));
  await run(scanQrCode, acts);
  await run(confirmQrCode, acts);
  chat.clock.advance(59_999);
  expect(await run(collectQrLogin, [collect("a")])).toMatchObject([{ value: { user: { uid: ann.uid } } }]);
  chat.clock.advance(1);
  expect(await run(collectQrLogin, [collect("b")])).toMatchObject([{ value: undefined }]);
});

test("ID-32: of several who collect in one batch exactly one gets the token, and a wrong secret takes nothing away", async () => {
  await newCodes("a", "b", "c");
  const acts = [
    { code: "a", ...ann },
    { code: "b", ...bob },
    { code: "c", ...bob },
  ];
  await run(scanQrCode, acts);
  await run(confirmQrCode, acts.slice(0, 2));
  const asked = [collect("a", "wrong"), collect("a"), collect("b"), collect("a"), collect("c"), collect("none")];
  const outcomes = await run(collectQrLogin, asked);
  expect(outcomes).toMatchObject([
    { value: undefined },
    { value: { user: { uid: ann.uid } } },
    { value: { user: { uid: bob.uid } } },
    { value: undefined },
    { value: undefined },
    { value: undefined },
  ]);
  expect(await states()).toEqual(["a used", "b used", "c scanned"]);
  const made = await chat.scratch.db
    .selectFrom("logins")
    .select(["uid", "token_hash", "ip", "user_agent"])
    .where("via", "=", "qr")
    .execute();
  const from = { ip: "203.0.113.9", user_agent: "screen" };
  expect(made).toEqual([
    { uid: ann.uid, token_hash: asked[1]?.tokenHash as string, ...from },
    { uid: bob.uid, token_hash: asked[2]?.tokenHash as string, ...from },
  ]);
});

test("each step takes as many statements with 50 codes as with one", async () => {
  const codes = Array.from({ length: 51 }, (_, n) => `code ${n}`);
  const [lone, ...others] = codes as [string, ...string[]];
  const asked = (some: string[]) =>
    some.map((code) => ({ code, secretHash: `secret of ${code}`, ip: "", userAgent: "" }));
  const acts = (some: string[]) => some.map((code) => ({ code, ...ann }));
  const both = async (count: (some: string[]) => Promise<number>) => {
    const one = await count([lone]);
    expect(await count(others)).toBe(one);
    return one;
  };
  expect(await both((some) => chat.statements((tx) => createQrCode(tx, asked(some))))).toBe(1);
  expect(await both((some) => chat.statements((tx) => scanQrCode(tx, acts(some))))).toBe(5);
  expect(await both((some) => chat.statements((tx) => confirmQrCode(tx, acts(some))))).toBe(5);
  await both((some) =>
    chat.statements((tx) =>
      collectQrLogin(
        tx,
        some.map((code) => collect(code)),
      ),
    ),
  );
  expect((await states()).every((state) => state.endsWith(" used"))).toBe(true);
});
