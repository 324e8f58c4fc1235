import { describe, expect, spyOn, test } from "bun:test";
import { TIMING } from "../lib/timing.ts";
import { renew } from "./renewal.ts";

/** A function that returns what is listed, one after another: a token, or an error to throw. */
function rig(answers: (string | Error)[], { wasRefused = false } = {}) {
  const abort = new AbortController();
  const asked: string[] = [];
  const errors: unknown[] = [];
  const next = renew(
    {
      timing: { ...TIMING, backoffFirstMs: 20, backoffMaxMs: 100 },
      surroundings: { random: () => 0 },
      token: async (ending) => {
        asked.push(ending);
        const answer = answers.shift();
        if (answer === undefined) abort.abort();
        if (answer instanceof Error) throw answer;
        return answer ?? "late";
      },
      onError: (error) => void errors.push(error),
    },
    { ending: "old", wasRefused, signal: abort.signal },
  );
  return { next, asked, errors, abort };
}

describe("the next token", () => {
  test("SDK-80: is asked for at once, with the one that ends", async () => {
    using timers = spyOn(globalThis, "setTimeout");
    const { next, asked } = rig(["new"]);
    expect([await next, asked]).toEqual(["new", ["old"]]);
    expect(timers).not.toHaveBeenCalled();
  });

  test("SDK-81: is asked for again, after a pause, where the function fails or gives the same one", async () => {
    const failure = new Error("no session server");
    const started = performance.now();
    const { next, asked, errors } = rig([failure, "old", "new"]);
    expect([await next, asked.length, errors]).toEqual(["new", 3, [failure]]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(40 - 2);
  });

  test("SDK-81: waits first where the server has refused the last one", async () => {
    const started = performance.now();
    expect(await rig(["new"], { wasRefused: true }).next).toBe("new");
    expect(performance.now() - started).toBeGreaterThanOrEqual(20 - 1);
  });

  test("SDK-81: is of no use to a connection that has ended", async () => {
    const { next, asked } = rig([new Error("first")]);
    expect([await next, asked.length]).toEqual([undefined, 2]);
    const ended = rig([new Error("first"), "new"]);
    ended.abort.abort();
    expect(await ended.next).toBeUndefined();
    expect(ended.asked).toHaveLength(1);
  });
});
