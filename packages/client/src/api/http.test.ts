import { afterEach, beforeEach, describe, expect, jest, spyOn, test } from "bun:test";
import { Http } from "./http.ts";
import { causeOf, ParleyError } from "./parley-error.ts";

function rig(answer: (url: string, init: RequestInit) => Response | Promise<Response>) {
  let answers = 0;
  const http = new Http(
    "https://x",
    async (url, init) => answer(url, init),
    () => {
      answers += 1;
    },
  );
  return { http, answers: () => answers };
}
const refused = (status: number, body: BodyInit, headers: Record<string, string> = {}) =>
  rig(() => new Response(body, { status, headers }))
    .http.call("GET", "/x", { withinMs: 60_000 })
    .catch((error: ParleyError) => error) as Promise<ParleyError>;
/** As `fetch` does: it ends by the signal alone. */
const hanging = (_: string, { signal }: RequestInit) =>
  new Promise<Response>((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

describe("requests", () => {
  test("SDK-44: what is asked for goes into the address, the token and the body where they belong", async () => {
    let seen: { url: string; init: RequestInit } | undefined;
    const { http, answers } = rig((url, init) => {
      seen = { url, init };
      return Response.json({ is: "it" });
    });
    const query = { a: 1, b: undefined, c: null, d: "x y" };
    const reply = await http.call("POST", "/rooms", { query, body: { n: 1 }, token: "t", withinMs: 60_000 });
    expect(reply).toEqual({ is: "it" });
    expect(seen?.url).toBe("https://x/api/v1/rooms?a=1&d=x+y");
    expect([seen?.init.method, seen?.init.body]).toEqual(["POST", '{"n":1}']);
    expect(seen?.init.headers).toEqual({ Authorization: "Bearer t", "Content-Type": "application/json" });
    expect(answers()).toBe(1);
    await http.call("GET", "/rooms", { withinMs: 60_000 });
    expect([seen?.url, seen?.init.headers, seen?.init.body]).toEqual(["https://x/api/v1/rooms", {}, undefined]);
  });

  test("SDK-14: a refusal is no success, nor is a reply that cannot be read", async () => {
    for (const answer of [() => new Response("no", { status: 404 }), () => new Response("<html>")]) {
      const { http, answers } = rig(answer);
      await http.call("GET", "/x", { withinMs: 60_000 }).catch(() => {});
      expect(answers()).toBe(0);
    }
  });

  test("SDK-29: only a document with the same status and a code is the server's word", async () => {
    const problem = (more: object) => JSON.stringify({ code: "forbidden", status: 403, detail: "Not you", ...more });
    expect(await refused(403, problem({}))).toMatchObject({ status: 403, code: "forbidden", message: "Not you" });
    for (const body of [problem({ status: 404 }), problem({ code: 7 }), "null", "<html>", ""]) {
      expect(await refused(403, body)).toMatchObject({ code: "unknown", message: "The server answered 403" });
    }
  });

  test("SDK-24: Retry-After is seconds or a date, and never before now", async () => {
    const told = async (header: string) => (await refused(503, "", { "Retry-After": header })).retryAfterMs;
    expect([await told("7"), await told("0"), await told("soon")]).toEqual([7_000, 0, undefined]);
    expect((await refused(503, "")).retryAfterMs).toBeUndefined();
    expect(await told("Thu, 01 Jan 1970 00:00:00 GMT")).toBe(0);
    const inAnHour = (await told(new Date(Date.now() + 3_600_000).toUTCString())) as number;
    expect(inAnHour).toBeGreaterThan(3_590_000);
    expect(inAnHour).toBeLessThanOrEqual(3_600_000);
  });

  test("SDK-27: a request that is not answered in time has no answer; one that is given up ends at once", async () => {
    const { http } = rig(hanging);
    const late = await http.call("GET", "/x", { withinMs: 5 }).catch((error: ParleyError) => error);
    expect(late).toMatchObject({ status: 0, code: "offline" });
    for (const abort of [new AbortController(), new AbortController()]) {
      const given = http.call("GET", "/x", { signal: abort.signal, withinMs: 3_600_000 });
      abort.abort();
      expect(await given.catch((error: ParleyError) => error.code)).toBe("offline");
    }
    const before = http.call("GET", "/x", { signal: AbortSignal.abort(), withinMs: 3_600_000 });
    expect(await Promise.race([before.catch((error: ParleyError) => error.code), Bun.sleep(1_000)])).toBe("offline");
  });

  test("SDK-28: a stream goes on after its headers, longer than they may take, and ends with its signal", async () => {
    let signal: AbortSignal | null | undefined;
    const { http } = rig((_, init) => {
      signal = init.signal;
      return new Response("x");
    });
    const abort = new AbortController();
    await http.stream("/events/stream", { signal: abort.signal, withinMs: 1 });
    await Bun.sleep(20);
    expect(signal?.aborted).toBe(false);
    abort.abort();
    expect(signal?.aborted).toBe(true);
  });
});

test("SDK-29: a cause is shown of what a person may have to look at, not of what time will mend", () => {
  const cause = (status: number, code?: string) => causeOf(new ParleyError(status, code ? { code } : {}))?.status;
  expect([cause(400), cause(404, "not_found"), cause(499)]).toEqual([400, 404, 499]);
  expect([cause(0), cause(429), cause(500), cause(503)]).toEqual([undefined, undefined, undefined, undefined]);
  expect(causeOf(new Error("ours"))).toEqual({ status: 0, code: "unknown", message: "ours" });
  expect(causeOf("a text")?.message).toBe("a text");
});

describe("replies that come in pieces", () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  /** Lets time pass until that has come. @returns how much that was */
  async function passing(asked: Promise<unknown>): Promise<number> {
    let [ms, isThere] = [0, false];
    const there = () => {
      isThere = true;
    };
    asked.then(there, there);
    for (; !isThere; ms += 10) {
      jest.advanceTimersByTime(10);
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    }
    return ms;
  }

  /** A reply of so many pieces, 100 ms apart, which then ends or falls silent. */
  function pieces(count: number, { last, status = 200 }: { last: "end" | "silence"; status?: number }) {
    return (_: string, { signal }: RequestInit) => {
      const bytes = new TextEncoder().encode(`"${"長".repeat(count)}"`);
      let sent = 0;
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          signal?.addEventListener("abort", () => controller.error(signal.reason), { once: true });
          if (sent === count && last === "silence") return new Promise(() => {});
          if (sent === count) return controller.close();
          await new Promise((resolve) => setTimeout(resolve, 100));
          // The bytes of each character are parted.
          controller.enqueue(bytes.subarray(sent * 3, ++sent === count ? undefined : sent * 3));
        },
      });
      return new Response(body, { status });
    };
  }

  test("SDK-15: a reply may take any time, as long as something comes", async () => {
    const { http } = rig(pieces(20, { last: "end" }));
    const asked = http.call("GET", "/x", { withinMs: 150 });
    expect(await passing(asked)).toBeGreaterThanOrEqual(2_000);
    expect(await asked).toBe("長".repeat(20));
  });

  test("SDK-15: one that falls silent is given up, a refusal too", async () => {
    for (const status of [200, 403]) {
      const { http } = rig(pieces(3, { last: "silence", status }));
      const asked = http.call("GET", "/x", { withinMs: 150 }).catch((error: ParleyError) => error);
      // 150 ms after the last piece.
      expect(await passing(asked)).toBeWithin(450, 500);
      const error = await asked;
      expect(error).toMatchObject({ status: status === 200 ? 0 : 403, code: status === 200 ? "offline" : "unknown" });
    }
  });

  test("SDK-15: where the platform does not show the pieces of a body, the whole of it has a longer time", async () => {
    const timers = spyOn(globalThis, "setTimeout");
    try {
      const unseen = { ok: true, status: 200, text: async () => '"it"' } as unknown as Response;
      expect(await rig(() => unseen).http.call("GET", "/x", { withinMs: 1_000 })).toBe("it");
      expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([1_000, 300_000]);
    } finally {
      timers.mockRestore();
    }
  });
});
