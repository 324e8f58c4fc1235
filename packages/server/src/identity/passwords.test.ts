import { describe, expect, spyOn, test } from "bun:test";
import { ProblemError } from "../lib/problem.ts";
import { Passwords, passwordSchema } from "./passwords.ts";

describe("passwords", () => {
  test("ID-2: are hashed with argon2id at the agreed cost, each with its own salt", async () => {
    const passwords = new Passwords();
    const [one, two] = await Promise.all([passwords.hash("correct horse"), passwords.hash("correct horse")]);
    expect(one).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
    expect(one).not.toBe(two as string);
    expect(await passwords.verify("correct horse", one as string)).toBe(true);
    expect(await passwords.verify("correct hors", one as string)).toBe(false);
    expect(await passwords.verify("", one as string)).toBe(false);
  });

  test("typed on another keyboard are the same", async () => {
    const passwords = new Passwords();
    expect(await passwords.verify("caf\u00e9-au-lait", await passwords.hash("cafe\u0301-au-lait"))).toBe(true);
  });

  test("ID-5: are compared with nobody's for as long as with somebody's: by the same work", async () => {
    const passwords = new Passwords({ atOnce: 1 });
    const somebodys = await passwords.hash("correct horse");
    using hashing = spyOn(Bun.password, "hash");
    using verifying = spyOn(Bun.password, "verify");
    /** What is hashed, and the cost and length of each hash that is compared. */
    const work = async (password: string, against: string | null) => {
      verifying.mockClear();
      expect(await passwords.verify(password, against)).toBe(false);
      const compared = verifying.mock.calls.map(([given, hash]) => {
        const parts = String(hash).split("$");
        return [given, ...parts.slice(0, 4), ...parts.slice(4).map(({ length }) => length)];
      });
      return { hashed: hashing.mock.calls.length, compared };
    };
    for (const password of ["wrong", ""]) {
      const { hashed, compared } = await work(password, somebodys);
      expect([hashed, compared.length]).toEqual([0, 1]);
      expect(await work(password, null)).toEqual({ hashed, compared });
    }
  });
});

describe("the queue", () => {
  test("ID-8: runs two at a time, in order, and refuses beyond its length", async () => {
    const passwords = new Passwords({ waitingMax: 4 });
    const hash = await new Passwords().hash("correct horse");
    const order: number[] = [];
    const attempts = Array.from({ length: 7 }, (_, index) =>
      passwords.verify("correct horse", hash, { atTurn: () => void order.push(index) }),
    );
    expect(order).toEqual([0, 1]);
    const outcomes = await Promise.allSettled(attempts);
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
    const refused = outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason : undefined));
    expect(refused.slice(0, 6)).toEqual(Array.from({ length: 6 }));
    expect(refused[6]).toBeInstanceOf(ProblemError);
    expect(refused[6]).toMatchObject({ code: "overloaded", retryAfterMs: 3000 });
    expect(await passwords.verify("correct horse", hash)).toBe(true);
  });

  /** Attempts that run until they are told to end, by name, in the order in which their turns came. */
  function attempts(passwords: Passwords) {
    const turns: string[] = [];
    const ends = new Map<string, () => void>();
    const outcomes: string[] = [];
    const attempt = (name: string, known = false) => {
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      const refuse = new ProblemError("rate_limited");
      ends.set(name, resolve);
      const atTurn = async () => {
        turns.push(name);
        await ended;
        throw refuse;
      };
      passwords.verify("x", null, { known, atTurn }).catch((error: ProblemError) => {
        if (error !== refuse) outcomes.push(`${name} ${error.code}`);
      });
    };
    const end = async (name: string) => {
      ends.get(name)?.();
      await new Promise((resolve) => setImmediate(resolve));
    };
    return { turns, outcomes, attempt, end };
  }

  test("ID-8: one place takes those who are known first, the other everybody as they come", async () => {
    const { turns, attempt, end } = attempts(new Passwords());
    // The place that prefers nobody is taken first.
    for (const name of ["fair", "preferring", "stranger 1", "stranger 2"]) attempt(name);
    for (const name of ["known 1", "known 2", "known 3"]) attempt(name, true);
    await end("preferring");
    expect(turns.at(-1)).toBe("known 1");
    await end("fair");
    expect(turns.at(-1)).toBe("stranger 1");
    await end("known 1");
    expect(turns.at(-1)).toBe("known 2");
    await end("stranger 1");
    expect(turns.at(-1)).toBe("stranger 2");
    await end("stranger 2");
    expect(turns.at(-1)).toBe("known 3");
  });

  test("ID-8: somebody who is known takes the place of the last stranger that waits, and of nobody who is known", async () => {
    const { turns, outcomes, attempt, end } = attempts(new Passwords({ atOnce: 1, waitingMax: 3 }));
    for (const name of ["working", "stranger 1", "stranger 2", "stranger 3"]) attempt(name);
    attempt("stranger 4");
    attempt("known 1", true);
    attempt("known 2", true);
    await end("nobody");
    expect(outcomes).toEqual(["stranger 4 overloaded", "stranger 3 overloaded", "stranger 2 overloaded"]);
    attempt("known 3", true);
    attempt("known 4", true);
    await end("nobody");
    expect(outcomes.slice(3).sort()).toEqual(["known 4 overloaded", "stranger 1 overloaded"]);
    for (const name of ["working", "known 1", "known 2", "known 3"]) await end(name);
    expect(turns).toEqual(["working", "known 1", "known 2", "known 3"]);
    attempt("after");
    expect(turns.at(-1)).toBe("after");
  });

  test("goes on after an attempt that was refused at its turn", async () => {
    const passwords = new Passwords({ atOnce: 1 });
    const refuse = () => {
      throw new ProblemError("rate_limited");
    };
    const outcomes = await Promise.allSettled([
      passwords.verify("x", null, { atTurn: refuse }),
      passwords.verify("x", null, { atTurn: refuse }),
      passwords.verify("x", null),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["rejected", "rejected", "fulfilled"]);
  });
});

test.each([
  ["1234567", false],
  ["12345678", true],
  ["𝒳".repeat(8), true],
  ["x".repeat(256), true],
  ["x".repeat(257), false],
  ["1234567\ud800", false],
])("is a password, case %#", (text, valid) => expect(passwordSchema.safeParse(text).success).toBe(valid));
