import { describe, expect, test } from "bun:test";
import { CLOSE_CODES } from "@parley/protocol";
import { backoffMs } from "../lib/backoff.ts";
import { TIMING } from "../lib/timing.ts";
import { type Ending, nextStep } from "./reconnect-policy.ts";

const step = (end: Ending["end"], more: Partial<Ending> = {}) =>
  nextStep({ end, ready: true, attempts: 0, drainMs: undefined, random: 0.5, ...more }, TIMING);
const closed = (code: number, reason = ""): Ending["end"] => ({ kind: "closed", code, reason });
const refused = (status: number, more: { code?: string; retryAfterMs?: number } = {}): Ending["end"] => ({
  kind: "refused",
  status,
  code: more.code ?? "unknown",
  retryAfterMs: more.retryAfterMs,
});

test("SDK-10, SDK-12, SDK-26, SDK-60: the times that tests shorten", () => {
  expect(TIMING).toMatchObject({ readyMs: 3_000, upgradeMs: 300_000, stableMs: 5_000 });
  expect(TIMING).toMatchObject({ backoffFirstMs: 500, backoffMaxMs: 20_000, tabPingMs: 800, tabHiddenPingMs: 10_000 });
});

describe("what comes after an end", () => {
  test("SDK-25: each close code of the protocol has its step", () => {
    const kinds = Object.keys(CLOSE_CODES).map((code) => {
      const next = step(closed(Number(code)));
      return `${code} ${next.kind === "stop" ? next.why : next.kind === "wait" ? next.why : next.kind}`;
    });
    expect(kinds).toEqual([
      "1000 offline",
      "1001 offline",
      "1006 offline",
      "1008 policy",
      "1009 offline",
      "1012 offline",
      "1013 busy",
      "4000 offline",
      "4001 revoked",
      "4003 banned",
      "4008 offline",
      "4029 replaced",
    ]);
  });

  test("SDK-25: waits that the server named count from the end and are spread", () => {
    expect(step(closed(1012), { drainMs: 7000 })).toEqual({
      kind: "wait",
      ms: 7500,
      why: "restart",
      serverNamedTime: true,
    });
    expect(step(closed(1006), { drainMs: 7000 })).toMatchObject({ ms: 7500, why: "restart" });
    expect(step({ kind: "failed" }, { drainMs: 7000 })).toMatchObject({ ms: 7500, why: "restart" });
    expect(step(closed(1013, "retry=4000"))).toEqual({ kind: "wait", ms: 4500, why: "busy", serverNamedTime: true });
    expect(step(closed(1012), { drainMs: 0 })).toEqual({
      kind: "wait",
      ms: 500,
      why: "restart",
      serverNamedTime: true,
    });
    // Neither another text in the reason nor an absent reason is a time.
    for (const reason of ["noretry=4000", "retry=12345678", ""]) {
      expect(step(closed(1013, reason))).toMatchObject({ ms: 750, why: "busy", serverNamedTime: true });
    }
    expect(step(closed(1013, "overloaded; retry=4000"))).toMatchObject({ ms: 4500 });
    expect(step(refused(503, { retryAfterMs: 3000 }))).toEqual({
      kind: "wait",
      ms: 3500,
      why: "busy",
      serverNamedTime: true,
    });
    expect(step(refused(429))).toMatchObject({ kind: "wait", ms: 750, serverNamedTime: false });
    expect(step(closed(4001), { drainMs: 7000 })).toEqual({ kind: "stop", why: "revoked" });
    expect(step(closed(1008))).toMatchObject({ ms: 5000, why: "policy", serverNamedTime: true });
    expect(step(closed(1008), { attempts: 20, random: 1 })).toMatchObject({ ms: 20_000, why: "policy" });
  });

  test("SDK-25: refusals: a login that does not hold stops, a cursor that is refused is replaced", () => {
    expect(step(refused(401, { code: "unauthorized" }))).toEqual({ kind: "stop", why: "revoked" });
    expect(step(refused(400, { code: "cursor_malformed" }))).toEqual({ kind: "reload" });
    // Whether it was about the cursor says the transport that has sent one.
    expect(step(refused(431))).toEqual({ kind: "ask" });
    expect(step(refused(403, { code: "banned" }))).toEqual({ kind: "stop", why: "banned" });
    expect(step(refused(403, { code: "account_disabled" }))).toEqual({ kind: "stop", why: "disabled" });
    expect(step(closed(4003, "account_disabled"))).toEqual({ kind: "stop", why: "disabled" });
    expect(step(closed(4001, "account_disabled"))).toEqual({ kind: "stop", why: "revoked" });
    for (const status of [401, 403, 404, 405, 500, 502]) expect(step(refused(status))).toEqual({ kind: "ask" });
  });

  test("SDK-25: what never was ready may be blocked, what was has been cut", () => {
    expect(step(closed(1006), { ready: false })).toEqual({ kind: "ask" });
    expect(step({ kind: "failed" }, { ready: false })).toEqual({ kind: "ask" });
    expect(step({ kind: "silent", opened: false })).toEqual({ kind: "ask" });
    expect(step({ kind: "silent", opened: true })).toEqual({ kind: "failed" });
    expect(step({ kind: "unsuited" })).toEqual({ kind: "step-down" });
  });

  test("SDK-26: backing off is full jitter between half a second and a bound that doubles up to 20 s", () => {
    const bounds = [0, 1, 2, 3, 4, 5, 6, 50].map((attempts) => backoffMs(attempts, 1, TIMING));
    expect(bounds).toEqual([1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000]);
    expect([0, 3, 50].map((attempts) => backoffMs(attempts, 0, TIMING))).toEqual([500, 500, 500]);
  });
});
