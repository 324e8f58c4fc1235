import { describe, expect, test } from "bun:test";
import { ParleyError } from "../api/parley-error.ts";
import { Authors } from "./authors.ts";

/** Tokens are called after their user: `a1` and `a2` are logins of one. */
const UIDS: Record<string, number> = { a: 1, b: 2 };
function authors(first: string | undefined, ask?: (token: string) => unknown) {
  const asked: string[] = [];
  const known = new Authors(first, async (token) => {
    asked.push(token);
    return ask ? ask(token) : UIDS[token[0] as string];
  });
  const check = (author: ReturnType<typeof now>, token: string) =>
    known.check(author, token).then(
      () => "sent",
      (error: ParleyError) => error.code,
    );
  const now = () => known.now;
  return { known, asked, check, now };
}

describe("whose message it is", () => {
  test("SDK-45: a token that was refreshed twice is still that of the user who wrote", async () => {
    const { known, now, check } = authors("a1");
    const author = now();
    known.begin("a2");
    known.begin("a3");
    expect(await check(author, "a3")).toBe("sent");
    known.begin("b1");
    known.begin("b2");
    expect(await check(author, "b2")).toBe("other_user");
    expect(await check(now(), "b2")).toBe("sent");
    known.begin("a4");
    expect(await check(author, "a4")).toBe("sent");
  });

  test("SDK-45: nobody is asked where the token is the one under which it was written", async () => {
    const { now, check, asked } = authors("a1");
    expect(await check(now(), "a1")).toBe("sent");
    expect(asked).toEqual([]);
  });

  test("SDK-45: whose login it is is asked once", async () => {
    const { known, now, check, asked } = authors("a1");
    const author = now();
    known.begin("b1");
    for (const _ of [1, 2]) expect(await check(author, "b1")).toBe("other_user");
    expect(asked).toEqual(["a1", "b1"]);
  });

  test("SDK-45: what a connection has said is not asked again", async () => {
    const { known, now, check, asked } = authors("a1");
    const author = now();
    known.learned("a1", 1);
    known.learned("b1", 2);
    expect(await check(author, "b1")).toBe("other_user");
    await known.know("b1");
    expect(asked).toEqual([]);
    // No token means nobody.
    known.learned(undefined, 7);
    expect(known.now.uid).toBe(2);
  });

  test("SDK-45: a user who comes back to the previous token is still known", () => {
    const { known, now, asked } = authors("a1");
    known.learned("a1", 1);
    const before = now();
    known.learned("b1", 2);
    known.begin("a1");
    expect([now() === before, now().uid, asked]).toEqual([true, 1, []]);
  });

  test("SDK-45: what is written before any token is known belongs to the first one", async () => {
    const { known, now, check } = authors(undefined);
    const author = now();
    known.begin(undefined);
    expect(now()).toBe(author);
    known.begin("a1");
    expect([now(), author.token]).toEqual([author, "a1"]);
    expect(await check(author, "a1")).toBe("sent");
  });

  test("SDK-45: of a login that ended unheard, what waits goes with the next one, and stays with that", async () => {
    const ended = new ParleyError(401, { code: "unauthorized" });
    const { known, now, check } = authors("a1", (token) => {
      if (token === "a1") throw ended;
      return UIDS[token[0] as string];
    });
    const author = now();
    known.begin("b1");
    expect(await check(author, "b1")).toBe("sent");
    known.begin("a2");
    expect(await check(author, "a2")).toBe("other_user");
  });

  test.each([
    ["no answer", () => Promise.reject(new ParleyError(0))],
    ["an odd answer", () => "seven"],
    ["a refusal of something else", () => Promise.reject(new ParleyError(403, { code: "forbidden" }))],
    ["a failure of ours", () => Promise.reject(new TypeError("x"))],
  ])("SDK-40: where it cannot be told for %s it is tried later, and nothing is refused", async (_, ask) => {
    const { known, now } = authors("a1", ask);
    const author = now();
    known.begin("b1");
    const error = await known.check(author, "b1").catch((error: ParleyError) => error);
    expect([(error as ParleyError).canRetry, author.uid]).toEqual([true, undefined]);
  });
});
