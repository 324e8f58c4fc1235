import { beforeEach, expect, test } from "bun:test";
import type { ReadDatabase } from "../db/open.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import type { Ban } from "../identity/banned.ts";
import { INTERNAL_STREAM, Internal } from "../identity/internal-events.ts";
import { AddressBans } from "./address-bans.ts";

let bans: AddressBans;
beforeEach(() => {
  bans = new AddressBans();
});

/** As an announced event tells it. */
function told(cidr: string, ban: Ban | null): void {
  const data = JSON.stringify({ cidr, ban });
  bans.onEvent({ stream: INTERNAL_STREAM, type: Internal.ADDRESSES_BANNED, data } as LoggedEvent);
}
const FOR_GOOD = { until: null, reason: "" };
const isBanned = (ip: string) => bans.refusal(ip) !== undefined;

test("BAN-8: every address of a range is banned, and no other one", () => {
  told("203.0.113.64/26", FOR_GOOD);
  told("2001:db8:7::/48", FOR_GOOD);
  const banned = Array.from({ length: 256 }, (_, n) => n).filter((n) => isBanned(`203.0.113.${n}`));
  expect(banned).toEqual(Array.from({ length: 64 }, (_, n) => 64 + n));
  expect(["2001:db8:7::1", "2001:db8:7:ffff::", "2001:db8:8::1", "203.0.112.64", "unknown", ""].map(isBanned)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test("BAN-8: the refusal tells the end and the reason of the ban", () => {
  told("203.0.113.7/32", { until: 5000, reason: "spam" });
  expect(bans.refusal("203.0.113.7")).toMatchObject({
    code: "banned",
    message: "spam",
    extra: { until: 5000, reason: "spam" },
  });
});

test("BAN-8: ranges within each other are ended one by one, and nothing is left of them", () => {
  told("203.0.113.0/24", FOR_GOOD);
  told("203.0.113.7/32", FOR_GOOD);
  told("203.0.113.7/32", { until: 1, reason: "twice" });
  expect(bans.size).toBe(2);
  told("203.0.113.0/24", null);
  expect([isBanned("203.0.113.7"), isBanned("203.0.113.8"), bans.size]).toEqual([true, false, 1]);
  told("203.0.113.7/32", null);
  told("203.0.113.7/32", null);
  expect([isBanned("203.0.113.7"), bans.size]).toEqual([false, 0]);
});

test("BAN-8: what is told while all bans are read counts more than what was read", async () => {
  const rows = Promise.withResolvers<object[]>();
  const query = { select: () => query, where: () => query, execute: () => rows.promise };
  const loading = bans.load({ selectFrom: () => query } as unknown as ReadDatabase);
  told("203.0.113.7/32", null);
  told("203.0.113.8/32", FOR_GOOD);
  rows.resolve([7, 9].map((n) => ({ cidr: `203.0.113.${n}/32`, ...FOR_GOOD })));
  await loading;
  expect([7, 8, 9].map((n) => isBanned(`203.0.113.${n}`))).toEqual([false, true, true]);
  told("203.0.113.9/32", null);
  expect([isBanned("203.0.113.9"), bans.size]).toEqual([false, 1]);
});

test("BAN-8: the gateway, which holds open connections, is told of each new ban, and of no end", () => {
  let count = 0;
  bans.onBanned(() => void count++);
  told("203.0.113.7/32", FOR_GOOD);
  told("203.0.113.7/32", null);
  expect(count).toBe(1);
});

/** How many look-ups in maps one check takes. */
function stepsFor(ip: string): number {
  let steps = 0;
  const { get } = Map.prototype;
  Map.prototype.get = function (this: Map<unknown, unknown>, key: unknown) {
    steps += 1;
    return get.call(this, key);
  };
  try {
    isBanned(ip);
  } finally {
    Map.prototype.get = get;
  }
  return steps;
}

test("BAN-10: lengths of which no ban is left cost nothing", () => {
  const ranges = Array.from({ length: 16 }, (_, n) => `203.0.0.0/${17 + n}`);
  for (const range of ranges) told(range, FOR_GOOD);
  for (const range of ranges) told(range, null);
  told("192.0.2.0/24", FOR_GOOD);
  expect(stepsFor("198.51.100.7")).toBeLessThan(4);
});

test("BAN-10: among ten thousand bans of a dozen lengths an address is found by a dozen steps", () => {
  for (let n = 0; n < 10_000; n++) {
    told(`${10 + (n % 12)}.${n % 250}.${(n >> 3) % 250}.${n % 256}/${20 + (n % 12)}`, FOR_GOOD);
  }
  expect(stepsFor("198.51.100.7")).toBeLessThan(15);
});
