import { expect, jest, test } from "bun:test";
import { ParleyError } from "@parley/client";
import { type QrStep, signInByQr } from "./qr-sign-in.ts";

const LOGIN = { token: "pl_1", user: { uid: 20_001, name: "Ann", avatar: "", power: 0 as const, createdAt: 0 } };
const PENDING = { state: "pending" };
const SCANNED = { state: "scanned" };
const CONFIRMED = { state: "confirmed", ...LOGIN };
const SHOWN: QrStep = { state: "shown", url: "https://im/qr/a" };
const code = (id: string) => ({ code: id, secret: `secret-${id}`, url: `https://im/qr/${id}`, expiresAt: 0 });

interface Asked {
  readonly path: { readonly code: string };
  readonly query?: { readonly wait?: number };
  readonly headers: Readonly<Record<string, string>>;
}

/** A server that gives these answers one after the other. When it has no more, the page is left. */
class Signing {
  readonly asked: string[] = [];
  readonly steps: QrStep[] = [];
  readonly page = new AbortController();
  readonly #answers: (object | (() => object))[];
  now = 1_700_000_000_000;

  constructor(...answers: (object | (() => object))[]) {
    this.#answers = answers;
  }

  run(pause: { askMs?: number; pauseMs?: number } = { askMs: 0, pauseMs: 0 }) {
    return signInByQr({
      client: { request: (route: string, args: Asked) => this.#answer(route, args) } as never,
      show: (step) => void this.steps.push(step),
      signal: this.page.signal,
      now: () => this.now,
      ...pause,
    });
  }

  /** What was answered has had its effect, while time stands still. */
  async answered(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }

  /** After so much time. */
  later(ms: number, answer: object): () => object {
    return () => {
      this.now += ms;
      return answer;
    };
  }

  add(...answers: (() => object)[]): void {
    this.#answers.push(...answers);
  }

  async #answer(route: string, { path, query, headers }: Asked): Promise<object> {
    this.asked.push(route === "POST /qr-logins" ? "new" : `${path.code} ${headers["x-qr-secret"]} ${query?.wait ?? 0}`);
    const next = this.#answers.shift();
    if (next === undefined) this.page.abort();
    const answer = typeof next === "function" ? next() : (next ?? PENDING);
    if (answer instanceof Error) throw answer;
    return answer;
  }
}

test("from a code to a login: how things stand is asked again and again, and no request hangs", async () => {
  const signing = new Signing(code("a"), PENDING, PENDING, SCANNED, CONFIRMED);
  expect(await signing.run()).toEqual(LOGIN);
  expect(signing.asked).toEqual(["new", "a secret-a 0", "a secret-a 0", "a secret-a 0", "a secret-a 0"]);
  expect(signing.steps).toEqual([SHOWN, SHOWN, { state: "scanned" }]);
});

test("a code that is rejected or has run out is replaced at once", async () => {
  const signing = new Signing(code("b"), { state: "rejected" }, code("c"), { state: "expired" }, code("a"), PENDING);
  expect(await signing.run()).toBeUndefined();
  expect(signing.asked.slice(0, -1)).toEqual(["new", "b secret-b 0", "new", "c secret-c 0", "new", "a secret-a 0"]);
  expect(signing.steps).toEqual([SHOWN]);
});

test("a lost answer ends nothing: the same code goes on", async () => {
  const signing = new Signing(code("a"), PENDING, new ParleyError(0), SCANNED, CONFIRMED);
  expect(await signing.run()).toEqual(LOGIN);
  expect(signing.asked).toEqual(["new", "a secret-a 0", "a secret-a 0", "a secret-a 0", "a secret-a 0"]);
  const waiting = { state: "waiting", problem: "No connection to the server. Trying again…" } as const;
  expect(signing.steps).toEqual([SHOWN, waiting, { state: "scanned" }]);
});

test("a refusal is said in the server's words, and asked again", async () => {
  const refusal = new ParleyError(429, { code: "rate_limited", detail: "Too many QR codes from this address" });
  const signing = new Signing(refusal, code("a"), CONFIRMED);
  expect(await signing.run()).toEqual(LOGIN);
  expect(signing.steps).toEqual([{ state: "waiting", problem: "Too many QR codes from this address." }]);
});

test("after ten minutes no further code comes; the one that is shown is followed to its end", async () => {
  const signing = new Signing(code("b"));
  signing.add(signing.later(599_999, { state: "expired" }), () => code("a"), signing.later(30_000, SCANNED));
  signing.add(signing.later(30_000, { state: "expired" }));
  expect(await signing.run()).toBeUndefined();
  expect(signing.asked).toHaveLength(5);
  expect(signing.steps).toEqual([{ state: "scanned" }, { state: "expired" }]);
});

test("nobody is asked about a code of long ago, as after a sleep of the machine", async () => {
  const signing = new Signing(code("b"), PENDING);
  signing.add(
    signing.later(120_000, new ParleyError(0)),
    () => code("a"),
    () => CONFIRMED,
  );
  expect(await signing.run()).toEqual(LOGIN);
  expect(signing.asked).toEqual(["new", "b secret-b 0", "b secret-b 0", "new", "a secret-a 0"]);
});

test("a code that the server does not know any more is replaced at once, whatever the page's clock says", async () => {
  const signing = new Signing(code("b"), PENDING);
  signing.add(
    signing.later(-3_600_000, new ParleyError(404, { code: "not_found" })),
    () => code("a"),
    () => CONFIRMED,
  );
  expect(await signing.run()).toEqual(LOGIN);
  expect(signing.asked).toEqual(["new", "b secret-b 0", "b secret-b 0", "new", "a secret-a 0"]);
  expect(signing.steps.map(({ state }) => state)).toEqual(["shown"]);
});

test("nothing is shown to a page that was left", async () => {
  const signing = new Signing(code("a"));
  expect(await signing.run()).toBeUndefined();
  expect(signing.steps).toEqual([]);
});

test("a new code comes up to the end of the ten minutes, and not after it", async () => {
  for (const [ms, asked] of [
    [600_000, 3],
    [600_001, 2],
  ] as const) {
    const signing = new Signing(code("b"));
    signing.add(signing.later(ms, { state: "expired" }), () => new ParleyError(0));
    signing.add(() => {
      signing.page.abort();
      return new ParleyError(0);
    });
    await signing.run();
    expect(signing.asked.slice(0, 3)).toHaveLength(asked);
  }
});

test("a code is asked about for 90 seconds, and not after them", async () => {
  for (const [ms, next] of [
    [90_000, "b secret-b 0"],
    [90_001, "new"],
  ] as const) {
    const signing = new Signing(code("b"));
    signing.add(signing.later(ms, PENDING));
    await signing.run();
    expect(signing.asked[2]).toBe(next);
  }
});

test("two seconds go by between two questions, and none is left when the page is", async () => {
  jest.useFakeTimers();
  try {
    const signing = new Signing(code("a"), PENDING, PENDING, PENDING);
    const result = signing.run({});
    await signing.answered();
    const later = async (ms: number) => {
      jest.advanceTimersByTime(ms);
      await signing.answered();
      return signing.asked.length;
    };
    expect([await later(1999), await later(1), await later(1999), await later(1)]).toEqual([2, 3, 3, 4]);
    signing.page.abort();
    expect(await result).toBeUndefined();
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

test("after a failure three seconds go by, or as many as the server says", async () => {
  jest.useFakeTimers();
  try {
    const refusal = new ParleyError(429, { code: "rate_limited" }, 20_000);
    const signing = new Signing(new ParleyError(0), refusal, new ParleyError(0));
    const result = signing.run({});
    await signing.answered();
    const later = async (ms: number) => {
      jest.advanceTimersByTime(ms);
      await signing.answered();
      return signing.asked.length;
    };
    expect([await later(2999), await later(1)]).toEqual([1, 2]);
    expect([await later(19_999), await later(1)]).toEqual([2, 3]);
    signing.page.abort();
    expect(await result).toBeUndefined();
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

test("nothing is said of a request that fails because the page is left", async () => {
  const signing = new Signing();
  signing.add(() => {
    signing.page.abort();
    return new ParleyError(0);
  });
  expect(await signing.run()).toBeUndefined();
  expect(signing.steps).toEqual([]);
});

test("a page that was left takes no login any more, and half a login is not taken", async () => {
  const late = new Signing(code("a"));
  late.add(() => {
    late.page.abort();
    return CONFIRMED;
  });
  expect(await late.run()).toBeUndefined();
  const half = new Signing(code("a"), { state: "confirmed", token: "pl_1" }, code("b"), {
    state: "confirmed",
    user: {},
  });
  expect(await half.run()).toBeUndefined();
  expect(half.asked.filter((asked) => asked === "new")).toHaveLength(3);
});
