import { afterEach, beforeEach, expect, test } from "bun:test";
import { Command, encodePush, Push, parseCursor } from "@parley/protocol";
import { LifecycleRig, login } from "../../test/lifecycle-rig.ts";
import { nextTurn } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";

const [ANN, BEN] = [20_000, 20_001];
const HALL = "room:1";

let rig: LifecycleRig;
beforeEach(async () => {
  rig = await LifecycleRig.open();
});
afterEach(() => rig.close());

const authorize = { type: Command.AUTHORIZE, data: { token: "pl_x" } };
const already = JSON.stringify({ type: Command.RESUME });

test("GW-12: what comes while a token is checked, or its owner's first frames are read, is answered after them", async () => {
  const { live } = await rig.connect();
  live.send(authorize);
  await rig.asked();
  for (let i = 0; i < 8; i++) live.send(already);
  await rig.waiting(8);
  rig.answerLogin(login(ANN));
  await rig.asked();
  for (let i = 0; i < 8; i++) live.send(already);
  await rig.waiting(16);
  rig.answerRedDot();
  await live.until(() => live.of(Push.ERROR).length === 16, "16 answers");
  const types = live.frames.map(({ type }) => type).slice(1);
  expect(types).toEqual([Push.LOGIN_SUCCESS, Push.READY, Push.RED_DOT, ...Array(16).fill(Push.ERROR)]);
});

test("GW-12: the seventeenth is too many", async () => {
  const { live } = await rig.connect();
  live.send(authorize);
  await rig.asked();
  for (let i = 0; i < 17; i++) live.send(already);
  expect((await live.ended()).code).toBe(1008);
  rig.answerLogin(login(ANN));
  expect([rig.hub.size, rig.attached.size]).toEqual([0, 0]);
});

test("GW-10, GW-20: a RESUME that came early is read together with what is unread, and nothing that it brings comes before RED_DOT", async () => {
  const { live } = await rig.connect("/?resume=1");
  await rig.log.append({ stream: HALL });
  live.send(authorize);
  await rig.asked();
  live.send({ type: Command.RESUME, data: { cursor: `${rig.log.scratch.epoch};*@0` } });
  await rig.waiting(1);
  rig.answerLogin(login(ANN));
  await live.frame(Push.LOGIN_SUCCESS);
  await rig.asked();
  while (rig.windowsRead === 0) await nextTurn();
  // As many turns as going live would take if it did not wait.
  for (let turn = 0; turn < 50; turn++) await nextTurn();
  expect([rig.windowsRead, live.of(Push.MESSAGE).length, live.of(Push.CURSOR).length]).toEqual([1, 0, 0]);
  rig.answerRedDot();
  await live.frame(Push.CURSOR);
  const types = live.frames.map(({ type }) => type).slice(1);
  expect(types).toEqual([Push.LOGIN_SUCCESS, Push.READY, Push.RED_DOT, Push.MESSAGE, Push.CURSOR]);
});

test.each([
  ["has named", [{ type: Command.RESUME }]],
  ["has not named", []],
] as const)(
  "GW-40: a reader who %s a cursor and whose red dots cannot be read is told when to come back",
  async (_, frames) => {
    const { live } = await rig.connect("/?resume=1");
    live.send(authorize);
    await rig.asked();
    for (const frame of frames) live.send(frame);
    await rig.waiting(frames.length);
    rig.answerLogin(login(ANN));
    await live.frame(Push.LOGIN_SUCCESS);
    await rig.asked();
    rig.fail(new Error("the disk is gone"));
    expect(await live.ended()).toMatchObject({ code: 1013, reason: "retry=1000" });
    expect([rig.hub.size, live.of(Push.CURSOR).length]).toEqual([0, 0]);
  },
);

test.each(["/", "/?resume=1"])(
  "GW-82: on %s nobody goes on before it is known which rooms presence tells them of",
  async (path) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.known = promise;
    const { live, connection } = await rig.connect(path);
    live.send(authorize);
    await rig.asked();
    rig.answerLogin(login(ANN));
    await rig.asked();
    rig.answerRedDot();
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    expect([connection.state.kind === "live", live.of(Push.RED_DOT).length]).toEqual([false, 0]);
    resolve();
    await live.frame(Push.RED_DOT);
  },
);

test.each(["/", "/?resume=1"])(
  "GW-81: a connection on %s that ends while its token is looked at again stays ended",
  async (path) => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    rig.holds = promise;
    const { live, connection } = await rig.connect(path);
    live.send(authorize);
    await rig.asked();
    rig.answerLogin(login(ANN));
    while (!connection.login) await nextTurn();
    live.close();
    await live.ended();
    while (rig.hub.size > 0) await nextTurn();
    resolve(true);
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    expect([connection.state.kind, rig.hub.size, rig.attached.get(ANN)]).toEqual(["closed", 0, 0]);
  },
);

test("GW-14: what is said in the hall while somebody signs in comes once, after their first frames", async () => {
  const { live } = await rig.connect();
  await rig.log.append({ stream: HALL });
  await live.frame(Push.MESSAGE);
  live.send(authorize);
  await rig.asked();
  await rig.log.append({ stream: HALL });
  rig.answerLogin(login(ANN));
  await rig.asked();
  await rig.log.append({ stream: HALL });
  rig.answerRedDot();
  await live.frame(Push.RED_DOT);
  await rig.log.append({ stream: HALL });
  await live.until(() => live.stream(HALL).some(({ seq }) => seq === 4), "the fourth event");
  expect(live.stream(HALL).map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  const types = live.frames.map(({ type }) => type);
  expect(types.indexOf(Push.LOGIN_SUCCESS)).toBe(3);
  expect(types.slice(3, 6)).toEqual([Push.LOGIN_SUCCESS, Push.READY, Push.RED_DOT]);
});

test("BAN-2: a reader of the public hall is told of a ban while their token is checked, and not once the log of the person counts", async () => {
  const told = () => live.of(Push.BLACK).length;
  const tell = () => rig.hub.sendToAnonymous(encodePush(Push.BLACK, { uid: 20_009 }));
  const { live, connection } = await rig.connect();
  live.send(authorize);
  await rig.asked();
  tell();
  rig.answerLogin(undefined);
  await live.frame(Push.INVALIDATE_TOKEN);
  tell();
  live.send(authorize);
  await rig.asked();
  tell();
  rig.answerLogin(login(ANN));
  await rig.asked();
  tell();
  rig.answerRedDot();
  await live.until(() => connection.state.kind === "live", "it to be live");
  tell();
  await rig.log.append({ stream: HALL });
  await live.frame(Push.MESSAGE);
  expect(told()).toBe(3);
});

test("GW-57: a connection that a code signs in while its token is being checked is signed in once", async () => {
  const { live, connection } = await rig.connect();
  let signedIn = 0;
  connection.onSignedIn = () => void signedIn++;
  live.send(authorize);
  await rig.asked();
  const byCode = rig.lifecycle.signIn(connection, login(BEN), "pl_code");
  rig.answerLogin(login(ANN));
  await rig.asked();
  rig.answerRedDot();
  await byCode;
  await rig.lifecycle.signIn(connection, login(ANN), "pl_late");
  await live.frame(Push.RED_DOT);
  expect(live.of(Push.LOGIN_SUCCESS).map(({ data }) => data.uid)).toEqual([BEN]);
  expect([rig.hub.ofUser(ANN).size, rig.hub.ofUser(BEN).size]).toEqual([0, 1]);
  expect([...rig.attached]).toEqual([[BEN, 1]]);
  expect(signedIn).toBe(1);
});

test("GW-57: a token that turns out not to be valid changes nothing for a connection that a code has signed in meanwhile", async () => {
  const { live, connection } = await rig.connect();
  live.send(authorize);
  await rig.asked();
  const byCode = rig.lifecycle.signIn(connection, login(BEN), "pl_code");
  rig.answerLogin(undefined);
  await rig.asked();
  rig.answerRedDot();
  await byCode;
  await live.frame(Push.RED_DOT);
  expect(live.of(Push.INVALIDATE_TOKEN)).toEqual([]);
  expect(live.of(Push.LOGIN_SUCCESS).map(({ data }) => data.uid)).toEqual([BEN]);
  expect([connection.state.kind, connection.login?.uid]).toEqual(["live", BEN]);
});

test("GW-40: a login that is revoked while its first frames are read gets none of them", async () => {
  const { live } = await rig.connect();
  live.send(authorize);
  await rig.asked();
  rig.answerLogin(login(ANN));
  await rig.asked();
  rig.hub.closeLogins([ANN]);
  rig.answerRedDot();
  expect((await live.ended()).code).toBe(4001);
  expect(live.frames.map(({ type }) => type)).toEqual([Push.READY, Push.INVALIDATE_TOKEN]);
  expect([rig.hub.size, rig.hub.ofUser(ANN).size, rig.attached.get(ANN)]).toEqual([0, 0, 0]);
});

test("GW-81: a connection that ends while its token is checked, or its first frames are read, leaves nothing behind", async () => {
  for (const step of ["token", "first frames"]) {
    const { live, connection } = await rig.connect();
    live.send(authorize);
    await rig.asked();
    if (step === "first frames") {
      rig.answerLogin(login(ANN));
      await rig.asked();
    }
    const closed = new Promise<void>((resolve) => void connection.onClosed.push(resolve));
    live.close();
    await closed;
    rig.answerLogin(login(ANN));
    rig.answerRedDot();
    await live.ended();
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    expect([rig.hub.size, rig.hub.ofUser(ANN).size, rig.attached.get(ANN) ?? 0]).toEqual([0, 0, 0]);
    expect(connection.state.kind).toBe("closed");
  }
});

test("GW-8: a token that is not valid leaves a reader of the public hall as it was, and what waited is answered", async () => {
  for (const path of ["/", "/?resume=1"]) {
    const { live, connection } = await rig.connect(path);
    const before = connection.state;
    live.send(authorize);
    await rig.asked();
    live.send({ type: Command.RESUME, data: { cursor: "rubbish" } });
    await rig.waiting(1);
    rig.answerLogin(undefined);
    await live.frame(Push.ERROR);
    const answer = path === "/" ? "already_live" : "cursor_malformed";
    expect(live.of(Push.ERROR).map(({ data }) => data.code)).toEqual([answer]);
    if (path === "/") expect(connection.state.kind).toBe(before.kind);
    await live.until(() => connection.state.kind === "live", "it to be live");
    const types = live.frames.map(({ type }) => type);
    expect(types.filter((type) => type === Push.READY)).toHaveLength(1);
    expect(types.indexOf(Push.INVALIDATE_TOKEN)).toBe(1);
    live.close();
  }
});

test("GW-14, GW-15: somebody who signs in while they catch up as a reader of the hall gets the rest first, and each event once", async () => {
  for (const by of ["token", "code"]) {
    await rig.log.append(...Array.from({ length: 100 }, () => ({ stream: HALL })));
    const head = rig.log.tail.position;
    const { live, connection } = await rig.connect("/?resume=1");
    live.send({ type: Command.RESUME, data: { cursor: `${rig.log.scratch.epoch};*@${head - 100}` } });
    await live.until(() => connection.state.kind === "catching-up" || live.stream(HALL).length > 0, "it to catch up");
    const asked = rig.asked();
    if (by === "token") live.send(authorize);
    else void rig.lifecycle.signIn(connection, login(ANN), "pl_code");
    await asked;
    if (by === "token") {
      rig.answerLogin(login(ANN));
      await rig.asked();
    }
    rig.answerRedDot();
    await live.frame(Push.RED_DOT);
    const seqs = live.stream(HALL).map(({ seq }) => seq);
    expect(seqs).toEqual(Array.from({ length: 100 }, (_, n) => head - 99 + n));
    live.close();
    await live.ended();
  }
});

test("GW-40: a sign-in that the server has no room for says when to come back", async () => {
  const { live } = await rig.connect();
  live.send(authorize);
  await rig.asked();
  rig.fail(new ProblemError("overloaded", "Too many at once", { retryAfterMs: 2500 }));
  expect(await live.ended()).toEqual({ code: 1013, reason: "retry=2500" });
});

test("DR-5, GW-41: until a reader's first frames are read its cursor is the one that it came with; when its login ends is known from the beginning", async () => {
  const { connection } = await rig.connect();
  const from = `${rig.log.scratch.epoch};*@0`;
  const reader = { login: { ...login(ANN), expiresAt: 77 }, token: "pl_x" };
  const opening = rig.lifecycle.openReader(connection, reader, { from: parseCursor(from), max: undefined });
  await rig.asked();
  expect([connection.cursor("now"), connection.loginEndsAt]).toEqual([from, 77]);
  rig.answerRedDot();
  await opening;
  expect(connection.cursor("now")).toBe("now");
  const other = (await rig.connect()).connection;
  const anonymous = rig.lifecycle.openReader(other, undefined, { from: parseCursor(from), max: undefined });
  expect(other.cursor("now")).toBe(from);
  await anonymous;
});

test("GW-40: a login that ended before its connection was the user's is told so and closed", async () => {
  const { live, connection } = await rig.connect();
  rig.holds = false;
  await rig.lifecycle.signIn(connection, login(ANN), "pl_revoked");
  expect(await live.ended()).toMatchObject({ code: 4001 });
  expect(live.of(Push.INVALIDATE_TOKEN)).toHaveLength(1);
  expect(live.of(Push.LOGIN_SUCCESS)).toHaveLength(0);
});

test("GW-40: a question that fails once costs one connection, leaves nothing behind, and the next one signs in", async () => {
  const failure = new Error("the disk does not answer");
  for (const step of ["token", "still holds", "first frames"]) {
    const { live, connection } = await rig.connect();
    live.send(authorize);
    await rig.asked();
    if (step !== "token") {
      if (step === "still holds") rig.holds = failure;
      rig.answerLogin(login(ANN));
    }
    if (step === "first frames") await rig.asked();
    if (step !== "still holds") rig.fail(failure);
    expect(await live.ended()).toEqual({ code: 1013, reason: "retry=1000" });
    rig.holds = true;
    expect(live.of(Push.LOGIN_SUCCESS)).toEqual([]);
    expect(connection.closed).toBe(true);
    expect([rig.hub.size, rig.hub.ofUser(ANN).size, rig.attached.get(ANN) ?? 0]).toEqual([0, 0, 0]);
  }
  const { live } = await rig.connect();
  live.send(authorize);
  await rig.asked();
  rig.answerLogin(login(ANN));
  await rig.asked();
  rig.answerRedDot();
  await live.frame(Push.RED_DOT);
  expect([rig.hub.ofUser(ANN).size, rig.attached.get(ANN)]).toEqual([1, 1]);
});
