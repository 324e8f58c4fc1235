import { afterEach, beforeEach, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp } from "../../test/identity-app.ts";
import type { Writes } from "../db/writer.ts";
import { nextTurn, withDeadline } from "../lib/interval.ts";
import { pollQrCode } from "./qr-actions.ts";

let app: IdentityApp;
beforeEach(async () => {
  app = await openIdentityApp();
});
afterEach(() => app.close());

test("ID-34: a requester who goes while the login is collected leaves no login behind", async () => {
  const bob = await app.register("Bob");
  const code: { code: string; secret: string } = (await app.ask("/qr-logins", { method: "POST" })).body;
  for (const step of ["scan", "confirm"]) {
    await app.ask(`/qr-logins/${code.code}/${step}`, { method: "POST", token: bob.token });
  }
  const controller = new AbortController();
  const { writes } = app.context;
  const devices = async () => (await app.ask("/logins", { token: bob.token })).body.items.length;
  const made: number[] = [];
  const run: Writes["run"] = async (procedure, input) => {
    const result = await writes.run(procedure, input);
    // Between the collection and its answer.
    if (!controller.signal.aborted) made.push(await devices());
    controller.abort();
    return result;
  };
  const watched: Writes = {
    run,
    runWhenIdle: writes.runWhenIdle.bind(writes),
    truncateJournal: async () => true,
    close: () => writes.close(),
  };
  const gone = { ...code, waitMs: 0, signal: controller.signal };
  expect(await pollQrCode({ ...app.context, writes: watched }, gone)).toEqual({ state: "confirmed" });
  expect([...made, await devices()]).toEqual([2, 1]);
});

test("ID-33: what a requester was not told, since they had gone, is told at the next poll", async () => {
  const bob = await app.register("Bob");
  const code: { code: string; secret: string } = (await app.ask("/qr-logins", { method: "POST" })).body;
  await app.ask(`/qr-logins/${code.code}/scan`, { method: "POST", token: bob.token });
  await pollQrCode(app.context, { ...code, waitMs: 30_000, signal: AbortSignal.abort() });
  const next = pollQrCode(app.context, { ...code, waitMs: 30_000, signal: new AbortController().signal });
  expect(await withDeadline(next, 3000, "the scan was not told")).toEqual({ state: "scanned" });
});

test("ID-33: a requester who is gone before they wait does not hang", async () => {
  const code: { code: string; secret: string } = (await app.ask("/qr-logins", { method: "POST" })).body;
  const gone = pollQrCode(app.context, { ...code, waitMs: 30_000, signal: AbortSignal.abort() });
  expect(await withDeadline(gone, 3000, "it hangs")).toEqual({ state: "pending" });
  expect(app.context.qrLogins.watching).toBe(0);
});

test("ID-31: a code that was rejected is told as such, also when it has run out", async () => {
  const bob = await app.register("Bob");
  const code: { code: string; secret: string } = (await app.ask("/qr-logins", { method: "POST" })).body;
  for (const step of ["scan", "reject"]) {
    await app.ask(`/qr-logins/${code.code}/${step}`, { method: "POST", token: bob.token });
  }
  app.clock.advance(60_000);
  expect(await pollQrCode(app.context, { ...code, waitMs: 0 })).toEqual({ state: "rejected" });
});

test("GW-58: those that watch a code are told nothing of its end, also when it has run out before", async () => {
  const { code }: { code: string } = (await app.ask("/qr-logins", { method: "POST" })).body;
  app.clock.advance(60_000);
  const heard: string[] = [];
  const stop = app.context.qrLogins.watch(code, (state) => heard.push(state));
  // Proves an absence: the look behind it has been made by then.
  await nextTurn();
  stop();
  expect(heard).toEqual([]);
});
