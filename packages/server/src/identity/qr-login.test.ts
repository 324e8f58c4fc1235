import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp, PASSWORD } from "../../test/identity-app.ts";
import { StillTime } from "../../test/still-time.ts";
import { withDeadline } from "../lib/interval.ts";
import { disableAccount } from "./admin-actions.ts";
import { collectQrLogin, pollQrCode, removeExpiredQrCodes } from "./qr-actions.ts";
import type { QrChange } from "./qr-watchers.ts";

interface Code {
  code: string;
  secret: string;
  url: string;
  expiresAt: number;
}

let app: IdentityApp;
let ada: { uid: number; token: string };
let bob: { uid: number; token: string };

async function open(env: Record<string, string> = {}) {
  app = await openIdentityApp(env);
  ada = await app.register("Ada");
  bob = await app.register("Bob");
}

const newCode = async (): Promise<Code> => {
  const headers = { "User-Agent": "Desk" };
  return (await app.ask("/qr-logins", { method: "POST", ip: "198.51.100.7", headers })).body;
};
const poll = ({ code, secret }: Pick<Code, "code" | "secret">, wait?: number, signal?: AbortSignal) =>
  app.ask(`/qr-logins/${code}${wait === undefined ? "" : `?wait=${wait}`}`, {
    headers: { "X-QR-Secret": secret },
    ...(signal ? { signal } : {}),
  });
const act = (code: Code, what: "scan" | "confirm" | "reject", who: { token: string }) =>
  app.ask(`/qr-logins/${code.code}/${what}`, { method: "POST", token: who.token });
const soon = <T>(promise: Promise<T>) => withDeadline(promise, 4000, "no answer in time");

/** Resolves once so many polls hang. */
async function hanging(count = 1): Promise<void> {
  const deadline = performance.now() + 4000;
  while (app.context.qrLogins.watching !== count) {
    if (performance.now() > deadline) throw new Error(`${app.context.qrLogins.watching} wait, not ${count}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("a QR login over HTTP", () => {
  beforeAll(() => open());
  afterAll(() => app.close());

  test("ID-32: by short polls, from code to token", async () => {
    const code = await newCode();
    expect(code.code).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(code.url.endsWith(`/qr/${code.code}`)).toBe(true);
    expect(new URL(code.url).port).toBe(app.url.port);
    expect(code.expiresAt).toBe(app.clock.now() + 60_000);
    expect((await poll(code)).body).toEqual({ state: "pending" });
    const scanned = await act(code, "scan", ada);
    expect(scanned.status).toBe(200);
    const asked = { ip: "198.51.100.7", userAgent: "Desk", place: null, requestedAt: app.clock.now() };
    expect(scanned.body).toEqual(asked);
    expect((await poll(code)).body).toEqual({ state: "scanned" });
    expect((await act(code, "confirm", ada)).status).toBe(204);
    const done = (await poll(code)).body;
    expect(done).toMatchObject({ state: "confirmed", user: { uid: ada.uid, name: "Ada" } });
    expect(done.token).toMatch(/^pl_/);
    expect(done.expiresAt).toBe(app.clock.now() + 30 * 24 * 3_600_000);
    const devices = (await app.ask("/logins", { token: done.token })).body.items;
    expect(devices[0]).toMatchObject({ ip: "198.51.100.7", userAgent: "Desk", via: "qr", current: true });
  });

  test("ID-30: once the login was handed out, its requester reads `expired`", async () => {
    const code = await newCode();
    await act(code, "scan", ada);
    await act(code, "confirm", ada);
    expect((await poll(code)).body.state).toBe("confirmed");
    expect((await poll(code)).body).toEqual({ state: "expired" });
    expect((await soon(poll(code, 30))).body).toEqual({ state: "expired" });
  });

  test("ID-33: by long polls: each answers at the change, none before", async () => {
    const code = await newCode();
    let answered = false;
    const first = poll(code, 30).finally(() => {
      answered = true;
    });
    await hanging();
    expect(answered).toBe(false);
    await act(code, "scan", ada);
    expect((await soon(first)).body).toEqual({ state: "scanned" });
    const second = poll(code, 30);
    await hanging();
    await act(code, "confirm", ada);
    expect((await soon(second)).body).toMatchObject({ state: "confirmed", user: { uid: ada.uid } });
    expect(app.context.qrLogins.watching).toBe(0);
  });

  test("ID-33: a long poll that comes after the change answers at once", async () => {
    const code = await newCode();
    await act(code, "scan", ada);
    expect((await soon(poll(code, 30))).body).toEqual({ state: "scanned" });
    await act(code, "confirm", ada);
    expect((await soon(poll(code, 30))).body.token).toBeString();
    expect((await soon(poll(code, 30))).body).toEqual({ state: "expired" });
  });

  test("ID-32: of two who wait exactly one gets the token", async () => {
    for (let round = 0; round < 5; round++) {
      const code = await newCode();
      await act(code, "scan", ada);
      const polls = [poll(code), poll(code)];
      await Promise.all(polls);
      const waiting = [poll(code, 30), poll(code, 30), poll(code, 30)];
      await hanging(3);
      await act(code, "confirm", ada);
      const answers = (await soon(Promise.all([...waiting, poll(code), poll(code)]))).map(({ body }) => body);
      expect(answers.map(({ state }) => state).sort()).toEqual(["confirmed", ...Array(4).fill("expired")]);
      expect(answers.filter(({ token }) => token !== undefined)).toHaveLength(1);
    }
  });

  test("ID-31: rejected", async () => {
    const code = await newCode();
    await act(code, "scan", ada);
    await poll(code);
    const waiting = poll(code, 30);
    await hanging();
    expect((await act(code, "reject", ada)).status).toBe(204);
    expect((await soon(waiting)).body).toEqual({ state: "rejected" });
    expect((await act(code, "reject", ada)).status).toBe(204);
    for (const what of ["scan", "confirm"] as const) {
      expect(await act(code, what, ada)).toMatchObject({ status: 409, body: { code: "qr_state" } });
    }
  });

  test("ID-31: belongs to the login that scanned it first, another of the same person included", async () => {
    const code = await newCode();
    const again = (await app.ask("/logins", { body: { name: "Ada", password: PASSWORD } })).body;
    expect(await act(code, "confirm", ada)).toMatchObject({ status: 409, body: { code: "qr_state" } });
    const scans = await Promise.all([act(code, "scan", ada), act(code, "scan", bob), act(code, "scan", again)]);
    expect(scans.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    const winner = [ada, bob, again][scans.findIndex(({ status }) => status === 200)] as { token: string };
    const others = [ada, bob, again].filter((one) => one !== winner);
    for (const other of others) {
      for (const what of ["scan", "confirm", "reject"] as const) {
        expect(await act(code, what, other)).toMatchObject({ status: 409, body: { code: "qr_taken" } });
      }
    }
    expect((await act(code, "scan", winner)).status).toBe(200);
    for (let repeat = 0; repeat < 2; repeat++) expect((await act(code, "confirm", winner)).status).toBe(204);
    expect((await act(code, "reject", winner)).body.code).toBe("qr_state");
    expect((await poll(code)).body.token).toBeString();
    expect((await act(code, "confirm", winner)).status).toBe(204);
    expect((await act(code, "scan", winner)).body.code).toBe("qr_state");
    expect((await poll(code)).body).toEqual({ state: "expired" });
  });

  test("ID-32: is not found without its secret, and tells nothing", async () => {
    const [code, other] = [await newCode(), await newCode()];
    for (const secret of ["", "wrong", other.secret, code.code]) {
      const refused = await poll({ code: code.code, secret });
      expect(refused).toMatchObject({ status: 404, body: { code: "not_found" } });
    }
    for (const unknown of ["unknown", "%00"]) {
      expect((await poll({ code: unknown, secret: code.secret })).status).toBe(404);
      expect((await act({ ...code, code: unknown }, "scan", ada)).status).toBe(404);
    }
    expect((await app.ask(`/qr-logins/${code.code}`)).status).toBe(404);
    expect((await poll(code, 0)).status).toBe(200);
    expect((await poll(code, -1)).status).toBe(400);
  });

  test("ID-32: a wrong secret does not collect", async () => {
    const code = await newCode();
    await act(code, "scan", ada);
    await act(code, "confirm", ada);
    expect(await collectQrLogin(app.context, { code: code.code, secret: "wrong" })).toBeUndefined();
    expect((await collectQrLogin(app.context, code))?.user.uid).toBe(ada.uid);
    expect(await collectQrLogin(app.context, code)).toBeUndefined();
  });

  test("phones have to be signed in", async () => {
    const code = await newCode();
    for (const what of ["scan", "confirm", "reject"]) {
      expect((await app.ask(`/qr-logins/${code.code}/${what}`, { method: "POST" })).status).toBe(401);
    }
  });

  test("codes that we did not make are not found", async () => {
    for (const code of ["nope", "x".repeat(128), "%00"]) {
      expect((await app.ask(`/qr-logins/${code}/scan`, { method: "POST", token: ada.token })).status).toBe(404);
    }
  });

  test("ID-35: a phone that was signed out after confirming lets nobody in", async () => {
    const carol = await app.register("Carol");
    const code = await newCode();
    await act(code, "scan", carol);
    await act(code, "confirm", carol);
    await app.ask("/logins/current", { method: "DELETE", token: carol.token });
    expect((await poll(code)).body).toEqual({ state: "expired" });
  });

  test("ID-35, ID-43: a phone whose account was disabled after confirming lets nobody in", async () => {
    const dora = await app.register("Dora");
    const code = await newCode();
    await act(code, "scan", dora);
    await act(code, "confirm", dora);
    await disableAccount(app.context, "Dora");
    expect((await poll(code)).body).toEqual({ state: "expired" });
    expect((await act(await newCode(), "scan", dora)).status).toBe(403);
  });

  test("ID-34: a requester that hangs up while waiting leaves the token for the next poll", async () => {
    const code = await newCode();
    const controller = new AbortController();
    const gone = poll(code, 30, controller.signal).catch(() => "aborted");
    await hanging();
    controller.abort();
    expect(await gone).toBe("aborted");
    await hanging(0);
    await act(code, "scan", ada);
    await act(code, "confirm", ada);
    expect((await poll(code)).body.token).toBeString();
  });

  test("ID-34: a requester that is gone before the answer does not use up the token", async () => {
    const code = await newCode();
    await act(code, "scan", ada);
    await act(code, "confirm", ada);
    const gone = { ...code, waitMs: 30_000, signal: AbortSignal.abort() };
    expect(await pollQrCode(app.context, gone)).toEqual({ state: "confirmed" });
    expect((await poll(code)).body.token).toBeString();
  });

  test("ID-33: of one code at most four polls hang", async () => {
    const code = await newCode();
    const controller = new AbortController();
    const polls = Array.from({ length: 4 }, () => poll(code, 30, controller.signal).catch(() => undefined));
    await hanging(4);
    expect(await poll(code, 30)).toMatchObject({ status: 503, body: { code: "overloaded" } });
    expect((await poll(code)).status).toBe(200);
    controller.abort();
    await Promise.all(polls);
  });
});

describe("time", () => {
  beforeEach(() => open());
  afterEach(() => app.close());

  test("ID-30: a code expires after 60 s, scanned or not", async () => {
    const [plain, scanned] = [await newCode(), await newCode()];
    await act(scanned, "scan", ada);
    app.clock.advance(59_999);
    expect((await poll(plain)).body).toEqual({ state: "pending" });
    app.clock.advance(1);
    for (const code of [plain, scanned]) {
      expect((await poll(code)).body).toEqual({ state: "expired" });
      expect((await soon(poll(code, 30))).body).toEqual({ state: "expired" });
      for (const what of ["scan", "confirm", "reject"] as const) {
        expect(await act(code, what, ada)).toMatchObject({ status: 404, body: { code: "not_found" } });
      }
    }
  });

  test("ID-33: a hanging poll ends with the code", async () => {
    const code = await newCode();
    app.clock.advance(59_950);
    expect((await soon(poll(code, 30))).body).toEqual({ state: "expired" });
  });

  test("ID-30: a code confirmed in its last moment can still be collected, for half a minute", async () => {
    const [soonEnough, late] = [await newCode(), await newCode()];
    for (const code of [soonEnough, late]) await act(code, "scan", ada);
    app.clock.advance(59_999);
    for (const code of [soonEnough, late]) await act(code, "confirm", ada);
    app.clock.advance(29_999);
    expect((await poll(soonEnough)).body.token).toBeString();
    app.clock.advance(1);
    expect((await poll(late)).body).toEqual({ state: "expired" });
  });

  test("old codes are removed, a hundred at once", async () => {
    for (let made = 0; made < 103; made++) await newCode();
    app.clock.advance(60_000 + 600_000);
    const fresh = await newCode();
    const count = async () => (await app.scratch.db.selectFrom("qr_logins").select("code").execute()).length;
    await removeExpiredQrCodes(app.context, { atMost: 1 });
    expect(await count()).toBe(104);
    app.clock.advance(1);
    await removeExpiredQrCodes(app.context, { atMost: 1 });
    expect(await count()).toBe(4);
    await removeExpiredQrCodes(app.context, { atMost: 1 });
    expect(await count()).toBe(1);
    expect((await poll(fresh)).status).toBe(200);
  }, 30_000);

  test("before a stop hanging polls are answered, and later ones do not hang", async () => {
    const code = await newCode();
    const waiting = poll(code, 60);
    await hanging();
    app.context.qrLogins.release();
    expect((await soon(waiting)).body).toEqual({ state: "pending" });
    expect((await soon(poll(code, 60))).body).toEqual({ state: "pending" });
  });
});

describe("watching a code", () => {
  beforeEach(() => open());
  afterEach(() => app.close());

  function watch(code: string) {
    const seen: QrChange[] = [];
    const over = Promise.withResolvers<void>();
    const stop = app.context.qrLogins.watch(code, (state) => {
      seen.push(state);
      if (state !== "scanned") over.resolve();
    });
    return { seen, stop, over: () => soon(over.promise) };
  }

  test("tells each state once, in order", async () => {
    const code = await newCode();
    const { seen, over } = watch(code.code);
    await act(code, "scan", ada);
    await act(code, "scan", ada);
    await act(code, "confirm", ada);
    await over();
    expect(seen).toEqual(["scanned", "confirmed"]);
  });

  test("tells at once what happened before", async () => {
    const code = await newCode();
    await act(code, "scan", ada);
    await act(code, "reject", ada);
    const { seen, over } = watch(code.code);
    await over();
    expect(seen).toEqual(["rejected"]);
  });

  test("tells nothing after its stop", async () => {
    const [code, other] = [await newCode(), await newCode()];
    const stopped = watch(code.code);
    const going = watch(code.code);
    stopped.stop();
    stopped.stop();
    await act(other, "scan", ada);
    await act(code, "scan", ada);
    await act(code, "confirm", ada);
    await going.over();
    expect(stopped.seen).toEqual([]);
    expect(app.context.qrLogins.watching).toBe(1);
    going.stop();
    expect(app.context.qrLogins.watching).toBe(0);
  });
});

test("ID-37: an address gets 20 codes a minute", async () => {
  using _time = new StillTime();
  await open({ RATE_LIMITS: "on" });
  for (let made = 0; made < 20; made++) expect((await app.ask("/qr-logins", { method: "POST" })).status).toBe(201);
  const refused = await app.ask("/qr-logins", { method: "POST" });
  expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  expect(refused.headers.get("Retry-After")).toBe("60");
  await app.close();
});

test("ID-36: PUBLIC_URL begins the code's address", async () => {
  await open({ PUBLIC_URL: "https://chat.example.com" });
  const code = await newCode();
  expect(code.url).toBe(`https://chat.example.com/qr/${code.code}`);
  await app.close();
});

test("HTTP-6: no token, secret or password is logged on the way", async () => {
  await open();
  const code = await newCode();
  await act(code, "scan", ada);
  await act(code, "confirm", ada);
  const { token } = (await poll(code, 5)).body;
  const refreshed = (await app.ask("/logins/refresh", { method: "POST", token })).body.token;
  await app.ask("/logins", { body: { name: "Ada", password: "a wrong password" } });
  await app.ask(`/me?token=${refreshed}`, { token: refreshed });
  await app.ask("/me", { token });
  const log = app.lines.join("");
  expect(log).toContain("/api/v1/logins/refresh");
  for (const secret of [ada.token, token, refreshed, code.secret, PASSWORD]) expect(log).not.toContain(secret);
  await app.close();
});
