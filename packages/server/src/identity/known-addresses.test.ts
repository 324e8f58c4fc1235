import { afterEach, beforeEach, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp, PASSWORD } from "../../test/identity-app.ts";
import { CheapPasswords, signInsOf } from "../../test/sign-ins.ts";
import { StillTime } from "../../test/still-time.ts";
import { removeExpiredLogins } from "./logins-upkeep.ts";

const SLOW_MS = 60_000;
const HOME = "198.51.100.1";
const DAY_MS = 24 * 3_600_000;

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

const { register, statusOf, strangersTry } = signInsOf(() => app);

const spent = async (name: string) => {
  await strangersTry(name, 10);
  expect(await statusOf(name, PASSWORD, "10.8.0.1")).toBe(429);
};

test(
  "ID-44: an address counts for 90 days after a sign-in from it, and only for that account",
  async () => {
    await register("Ada", HOME);
    await register("Bob", HOME);
    await register("Cem", "198.51.100.7");
    app.clock.advance(90 * DAY_MS - 1);
    expect(await statusOf("Cem", PASSWORD, "198.51.100.7")).toBe(201);
    app.clock.advance(1);
    await spent("Ada");
    expect(await statusOf("Ada", PASSWORD, HOME)).toBe(429);
    await spent("Cem");
    expect(await statusOf("Cem", PASSWORD, HOME)).toBe(429);
    expect(await statusOf("Cem", PASSWORD, "198.51.100.7")).toBe(201);
  },
  SLOW_MS,
);

test(
  "ID-44: a device with a token that has expired counts, and one that was signed out does not",
  async () => {
    const token = await register("Ada", "10.1.0.1");
    const signedOut = await register("Bob", "10.1.0.2");
    await app.ask("/logins/current", { method: "DELETE", token: signedOut });
    app.clock.advance(31 * DAY_MS);
    await app.scratch.writes.run(removeExpiredLogins, { loginIds: [1] });
    expect((await app.ask("/me", { token })).status).toBe(401);
    await spent("Ada");
    expect(await statusOf("Ada", PASSWORD, "10.8.0.2", token)).toBe(201);
    time.advance(600_000);
    await spent("Bob");
    expect(await statusOf("Bob", PASSWORD, "10.8.0.2", signedOut)).toBe(429);
  },
  SLOW_MS,
);
