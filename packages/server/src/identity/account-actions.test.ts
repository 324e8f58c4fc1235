import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp } from "../../test/identity-app.ts";
import { StillTime } from "../../test/still-time.ts";

const PASSWORD = "correct horse";
const register = (app: IdentityApp, name: string, ip?: string) =>
  app.ask("/accounts", { body: { name, password: PASSWORD }, ...(ip ? { ip } : {}) });
const signIn = (app: IdentityApp, name: string, password: string, ip?: string) =>
  app.ask("/logins", { body: { name, password }, ...(ip ? { ip } : {}) });

describe("accounts", () => {
  let app: IdentityApp;
  beforeAll(async () => {
    app = await openIdentityApp();
  });
  afterAll(() => app.close());

  test("ID-1: are made with a first login, the first person being 20000", async () => {
    const made = await register(app, " Ada ");
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      user: { uid: 20_000, name: "Ada", avatar: "", power: 0, createdAt: app.clock.now() },
      token: expect.stringMatching(/^pl_[A-Za-z0-9_-]{43}$/),
      expiresAt: app.clock.now() + 30 * 24 * 3_600_000,
    });
    const me = await app.ask("/me", { token: made.body.token });
    expect(me.body).toEqual({ ...made.body.user, asOf: `${app.scratch.epoch};*@1` });
  });

  test("ID-2: store neither password nor token", async () => {
    const { body } = await register(app, "Hidden");
    const stored = JSON.stringify([
      await app.scratch.db.selectFrom("users").selectAll().execute(),
      await app.scratch.db.selectFrom("logins").selectAll().execute(),
    ]);
    expect(stored).toContain("$argon2id$v=19$m=19456,t=2,p=1$");
    expect(stored).not.toContain(PASSWORD);
    expect(stored).not.toContain(body.token.slice(3));
  });

  test("keep address and device of their first login", async () => {
    const headers = { "User-Agent": "Phone\t1" };
    const made = await app.ask("/accounts", { body: { name: "Dev", password: PASSWORD }, ip: "2001:db8::7", headers });
    const { items } = (await app.ask("/logins", { token: made.body.token })).body;
    expect(items).toMatchObject([
      { ip: "2001:db8::7", userAgent: "Phone 1", place: null, current: true, via: "password" },
    ]);
    const user = app.scratch.db.selectFrom("users").select("created_ip").where("name", "=", "Dev");
    expect(await user.executeTakeFirst()).toEqual({ created_ip: "2001:db8::7" });
  });

  test.each([
    ["Straße", "STRASSE"],
    ["Ｂｏｂ", "bOB"],
    ["café", "CAFE\u0301"],
    ["eve", "e\u200dve"],
  ])("ID-4: named %s and %s are one too many", async (first, second) => {
    expect((await register(app, first)).status).toBe(201);
    const refused = await register(app, second);
    expect(refused.status).toBe(409);
    expect(refused.body.code).toBe("name_taken");
  });

  test("ID-4: cannot be called like the system", async () => {
    expect((await register(app, "SYSTEM")).body.code).toBe("name_taken");
    expect((await signIn(app, "System", PASSWORD)).status).toBe(401);
  });

  test("ID-4: asked for at the same moment under one name: one is made", async () => {
    const names = ["race", "RACE", "Race", "rACE", "raCE", "racE"];
    const answers = await Promise.all(names.map((name) => register(app, name)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
    expect(new Set(answers.filter(({ status }) => status === 409).map(({ body }) => body.code))).toEqual(
      new Set(["name_taken"]),
    );
  });

  test.each([
    [{ name: "x", password: "1234567" }, "password"],
    [{ name: "x", password: "x".repeat(257) }, "password"],
    [{ name: "", password: PASSWORD }, "name"],
    [{ name: "x".repeat(33), password: PASSWORD }, "name"],
    [{ name: "\u200b", password: PASSWORD }, "name"],
    [{ name: 5, password: PASSWORD }, "name"],
    [{ password: PASSWORD }, "name"],
  ])("ID-3: need a good name and password, case %#", async (body, path) => {
    const refused = await app.ask("/accounts", { body });
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({ code: "invalid", errors: [{ path }] });
  });

  test("ID-5: sign in by name in any case", async () => {
    const { body } = await register(app, "Grace");
    const login = await signIn(app, "gRACE ", PASSWORD);
    expect(login.status).toBe(201);
    expect(login.body).toMatchObject({ user: body.user, expiresAt: app.clock.now() + 30 * 24 * 3_600_000 });
    expect(login.body.token).not.toBe(body.token);
    expect((await app.ask("/logins", { token: login.body.token })).body.items).toHaveLength(2);
  });

  test("ID-5: do not tell a wrong name from a wrong password", async () => {
    await register(app, "Linus");
    const wrong = await signIn(app, "Linus", "nope");
    const unknown = await signIn(app, "Nobody at all", "nope");
    expect(wrong.status).toBe(401);
    expect(wrong.body).toMatchObject({ code: "unauthorized", detail: "The name or the password is wrong" });
    expect(unknown.body).toEqual(wrong.body);
    expect(unknown.status).toBe(401);
  });
});

describe("closed registration", () => {
  test("ID-1: refuses new accounts only", async () => {
    const app = await openIdentityApp({ REGISTRATION: "closed", RATE_LIMITS: "on" });
    for (let round = 0; round < 25; round++) {
      expect(await register(app, "Ada")).toMatchObject({ status: 403, body: { code: "registration_closed" } });
    }
    expect((await signIn(app, "Ada", PASSWORD)).status).toBe(401);
    await app.close();
  });
});

/** Each guess costs a hash, and the machine may be busy. */
const SLOW_MS = 30_000;

describe("limits", () => {
  let app: IdentityApp;
  afterEach(() => app.close());

  test.each([
    ["198.51.100.1", "198.51.100.1", "198.51.100.2"],
    ["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"],
  ])(
    "ID-6: 20 sign-ins and accounts per 10 minutes for %s with %s, not %s",
    async (one, same, elsewhere) => {
      using time = new StillTime();
      app = await openIdentityApp({ RATE_LIMITS: "on" });
      expect((await register(app, "Ada", one)).status).toBe(201);
      const guesses = Array.from({ length: 19 }, (_, index) => signIn(app, `nobody ${index}`, "wrong", same));
      for (const { status } of await Promise.all(guesses)) expect(status).toBe(401);
      for (const refused of [await signIn(app, "Ada", PASSWORD, one), await register(app, "more", same)]) {
        expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
        expect(refused.headers.get("Retry-After")).toBe("600");
      }
      expect((await register(app, "more", elsewhere)).status).toBe(201);
      time.advance(600_000);
      expect((await signIn(app, "Ada", PASSWORD, one)).status).toBe(201);
    },
    SLOW_MS,
  );

  test(
    "ID-6: what is not valid does not count",
    async () => {
      app = await openIdentityApp({ RATE_LIMITS: "on" });
      for (let round = 0; round < 25; round++) {
        expect((await app.ask("/accounts", { body: { name: "x", password: "short" } })).status).toBe(400);
      }
      expect((await register(app, "x")).status).toBe(201);
    },
    SLOW_MS,
  );

  test(
    "ID-6, ID-7: are lifted by RATE_LIMITS=off",
    async () => {
      app = await openIdentityApp();
      await register(app, "Ada");
      for (let round = 0; round < 22; round++) expect((await signIn(app, "Ada", "wrong")).status).toBe(401);
      expect((await signIn(app, "Ada", PASSWORD)).status).toBe(201);
    },
    SLOW_MS,
  );
});
