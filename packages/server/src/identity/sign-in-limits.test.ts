import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { HeldTimers } from "../../test/held-timers.ts";
import { type IdentityApp, openIdentityApp, PASSWORD } from "../../test/identity-app.ts";
import { CheapPasswords, signInsOf } from "../../test/sign-ins.ts";
import { StillTime } from "../../test/still-time.ts";
import { until } from "../../test/webhook-receiver.ts";

const SLOW_MS = 60_000;
const HOME = "198.51.100.1";

let time: StillTime;
let app: IdentityApp;
let passwords: CheapPasswords;
beforeEach(async () => {
  time = new StillTime();
  passwords = new CheapPasswords();
  app = await openIdentityApp({ RATE_LIMITS: "on" });
});
afterEach(async () => {
  await app.close();
  passwords.restore();
  time[Symbol.dispose]();
});

const { register, signIn, statusOf, strangersTry } = signInsOf(() => app);

describe("failed sign-ins", () => {
  test.each(["Ada", "Nobody"])(
    "ID-7: to %s are five from one address in ten minutes, in any case of the name",
    async (name) => {
      await register("Ada", HOME);
      const here = "203.0.113.1";
      const statuses: number[] = [];
      for (let guess = 1; guess <= 6; guess++) {
        statuses.push(await statusOf(guess % 2 ? name : name.toUpperCase(), "wrong", here));
      }
      expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
      expect(await statusOf(name, PASSWORD, here)).toBe(429);
      // At other addresses it continues, and so do other accounts here.
      expect(await statusOf(name, "wrong", "203.0.113.2")).toBe(401);
      expect(await statusOf("Somebody else", "wrong", here)).toBe(401);
      time.advance(599_999);
      expect(await statusOf(name, "wrong", here)).toBe(429);
      time.advance(1);
      expect(await statusOf(name, "wrong", here)).toBe(401);
    },
    SLOW_MS,
  );

  test(
    "ID-7: are fifty from all addresses that are not known of the account, and do not keep its person out at home",
    async () => {
      const token = await register("Ada", HOME);
      expect(await strangersTry("Ada", 10)).toEqual(Array.from({ length: 50 }, () => 401));
      const refused = await signIn("Ada", "wrong", "10.8.0.1");
      expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
      expect(await statusOf("Ada", PASSWORD, "10.8.0.2")).toBe(429);
      // At an address from which she has signed in, and anywhere with a device of hers.
      expect(await statusOf("Ada", PASSWORD, HOME)).toBe(201);
      expect(await statusOf("Ada", PASSWORD, "10.8.0.3", token)).toBe(201);
      // A token of somebody else helps nobody.
      const other = await register("Eve", "10.7.0.1");
      expect(await statusOf("Ada", PASSWORD, "10.8.0.4", other)).toBe(429);
      // What she mistypes at home is hers alone.
      for (let guess = 0; guess < 5; guess++) expect(await statusOf("Ada", "mistyped", HOME)).toBe(401);
      expect(await statusOf("Ada", PASSWORD, HOME)).toBe(429);
      time.advance(600_000);
      expect(await statusOf("Ada", PASSWORD, "10.8.0.2")).toBe(201);
    },
    SLOW_MS,
  );

  test(
    "ID-7: a sign-in that works clears those of its address, and not those of strangers",
    async () => {
      await register("Ada", HOME);
      await strangersTry("Ada", 9);
      for (let round = 0; round < 2; round++) {
        for (let guess = 0; guess < 4; guess++) expect(await statusOf("Ada", "wrong", HOME)).toBe(401);
        expect(await statusOf("Ada", PASSWORD, HOME)).toBe(201);
      }
      // 45 and one from here, which makes the address known.
      expect(await statusOf("Ada", "wrong", "10.6.0.1")).toBe(401);
      expect(await statusOf("Ada", PASSWORD, "10.6.0.1")).toBe(201);
      for (let guess = 0; guess < 4; guess++) expect(await statusOf("Ada", "wrong", `10.5.0.${guess}`)).toBe(401);
      expect(await statusOf("Ada", "wrong", "10.5.0.9")).toBe(429);
    },
    SLOW_MS,
  );

  test(
    "ID-7: hold for guesses sent at the same moment",
    async () => {
      await register("Ada", HOME);
      const guesses = Array.from({ length: 12 }, () => statusOf("Ada", "wrong", "10.2.0.1"));
      const statuses = await Promise.all(guesses);
      expect(statuses.filter((status) => status === 401)).toHaveLength(5);
      expect(statuses.filter((status) => status === 429)).toHaveLength(7);
    },
    SLOW_MS,
  );
});

describe("sign-ins", () => {
  const at = (subnet: number) => `2001:db8:7:${subnet.toString(16)}::1`;

  test(
    "ID-6: 160 wrong ones from one /48 keep nobody out elsewhere, known or not",
    async () => {
      const people = Array.from({ length: 19 }, (_, n) => ({ name: `Person ${n}`, home: `198.51.100.${n + 1}` }));
      for (const { name, home } of people) await register(name, home);
      const wrong = Array.from({ length: 160 }, (_, n) => statusOf(`Target ${n}`, "wrong", at(n)));
      const right = people.map(({ name, home }, n) => statusOf(name, PASSWORD, n % 2 ? home : `203.0.113.${n + 1}`));
      expect(new Set(await Promise.all(right))).toEqual(new Set([201]));
      const statuses = await Promise.all(wrong);
      expect(statuses.filter((status) => status === 401)).toHaveLength(60);
      expect(statuses.filter((status) => status === 429)).toHaveLength(100);
      // The network has used up its limit; people who are known there have not. Such a refusal does not count for the address.
      {
        // So many refusals of one network come about a second late.
        using late = new HeldTimers((ms) => ms >= 500 && ms < 1500);
        for (let attempt = 0; attempt < 21; attempt++) {
          const refused = signIn("Person 0", PASSWORD, at(500));
          await until("a refusal", () => late.waiting.length === 1);
          late.run();
          const { status, body } = await refused;
          expect([status, body.detail]).toEqual([429, expect.stringContaining("from this network")]);
        }
      }
      time.advance(600_000);
      expect(await statusOf("Person 0", PASSWORD, at(500))).toBe(201);
      await Promise.all(Array.from({ length: 60 }, (_, n) => statusOf(`Target ${n}`, "wrong", at(n))));
      expect(await statusOf("Person 1", PASSWORD, at(501))).toBe(429);
      expect(await statusOf("Person 0", PASSWORD, at(500))).toBe(201);
    },
    SLOW_MS,
  );

  test(
    "ID-6: as many strangers as SIGN_INS_OVERALL says come in ten minutes, and everybody who is known",
    async () => {
      await app.close();
      app = await openIdentityApp({ RATE_LIMITS: "on", SIGN_INS_OVERALL: "6" });
      await register("Ada", HOME);
      for (let from = 1; from <= 5; from++) expect(await statusOf("Nobody", "wrong", `10.4.0.${from}`)).toBe(401);
      expect(await statusOf("Nobody", "wrong", "10.4.0.6")).toBe(429);
      const more = await app.ask("/accounts", { body: { name: "Late", password: PASSWORD }, ip: "10.4.0.7" });
      expect(more).toMatchObject({ status: 429, body: { detail: expect.stringContaining("on this server") } });
      expect(await statusOf("Ada", PASSWORD, HOME)).toBe(201);
      time.advance(600_000);
      expect(await statusOf("Nobody", "wrong", "10.4.0.6")).toBe(401);
    },
    SLOW_MS,
  );

  test(
    "ID-6, ID-8: those that the server has no room for count nowhere",
    async () => {
      await app.close();
      app = await openIdentityApp({ RATE_LIMITS: "on", SIGN_INS_OVERALL: "150" });
      // Two are compared, a hundred wait, and there is no room for the rest; nobody's turn is over before all have come.
      const allCame = Promise.withResolvers<void>();
      passwords.verifying.mockImplementation((...given) => allCame.promise.then(() => passwords.verify(...given)));
      let refused = 0;
      const crowd = Array.from({ length: 130 }, async (_, n) => {
        const status = await statusOf(`Nobody ${n}`, "wrong", `10.3.${n}.1`);
        refused += Number(status === 503);
        if (refused === 28) allCame.resolve();
        return status;
      });
      const statuses = await Promise.all(crowd);
      expect(statuses.filter((status) => status === 401)).toHaveLength(102);
      expect(statuses.filter((status) => status === 503)).toHaveLength(28);
      const rest = await Promise.all(
        Array.from({ length: 49 }, (_, n) => statusOf(`Nobody ${n}`, "wrong", `10.3.${n + 200}.1`)),
      );
      expect(rest.filter((status) => status === 401)).toHaveLength(48);
      expect(rest.filter((status) => status === 429)).toHaveLength(1);
    },
    SLOW_MS,
  );
});
