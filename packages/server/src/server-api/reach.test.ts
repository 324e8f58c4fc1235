import { expect, test } from "bun:test";
import { StillTime } from "../../test/still-time.ts";
import { KeyRates } from "../keys/key-rates.ts";
import { ProblemError } from "../lib/problem.ts";
import { reaching, reachOf } from "./reach.ts";

const key = { id: 1, recipientsRate: 100, allRate: 1 } as Parameters<typeof reaching>[1];
/** As many as the key reaches at once. */
const people = { people: 1000, everybody: false };
const everybody = reachOf({ all: true });
const told = () => Promise.resolve("told");
const refused = (code: "overloaded" | "unknown_user") => () => Promise.reject(new ProblemError(code));

test("SRV-8: what the writer has no room for does not count as told, whoever was meant", async () => {
  using _time = new StillTime();
  for (const reach of [people, everybody]) {
    const context = { keyRates: new KeyRates({ enabled: true }) };
    for (let tries = 0; tries < 50; tries++) {
      await expect(reaching(context, key, reach, refused("overloaded"))).rejects.toMatchObject({ code: "overloaded" });
    }
    expect(await reaching(context, key, reach, told)).toBe("told");
  }
});

test("SRV-8: what was told counts, and so does what was refused for another reason", async () => {
  using _time = new StillTime();
  const context = { keyRates: new KeyRates({ enabled: true }) };
  await expect(reaching(context, key, people, refused("unknown_user"))).rejects.toMatchObject({ code: "unknown_user" });
  let asked = 0;
  const write = () => Promise.resolve(++asked);
  expect(await reaching(context, key, everybody, write)).toBe(1);
  await expect(reaching(context, key, people, write)).rejects.toMatchObject({ code: "rate_limited" });
  expect(asked).toBe(1);
});

test("SRV-8: everybody is told ten times at once", async () => {
  using _time = new StillTime();
  const context = { keyRates: new KeyRates({ enabled: true }) };
  for (let times = 0; times < 10; times++) await reaching(context, key, everybody, told);
  await expect(reaching(context, key, everybody, told)).rejects.toMatchObject({ code: "rate_limited" });
});

test("SRV-8: those count whom a request names", () => {
  expect(reachOf({ users: ["a", 2] })).toEqual({ people: 2, everybody: false });
  expect(reachOf({ rooms: ["a"] })).toEqual({ people: 1, everybody: false });
  expect(reachOf({ all: true })).toEqual({ people: 0, everybody: true });
});
