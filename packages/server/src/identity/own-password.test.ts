import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { type IdentityApp, openIdentityApp, PASSWORD } from "../../test/identity-app.ts";
import { StillTime } from "../../test/still-time.ts";

const NEW = "a new long password";

let app: IdentityApp;
beforeAll(async () => {
  app = await openIdentityApp();
});
afterAll(() => app.close());

const change = (token: string, body: object) => app.ask("/me/password", { method: "PUT", token, body });
const signIn = async (name: string, password: string) => app.ask("/logins", { body: { name, password } });
const remove = (token: string, body?: object) => app.ask("/me", { method: "DELETE", token, ...(body ? { body } : {}) });

describe("one's password", () => {
  test("ID-41: is changed by whoever knows the present one, and the other devices stay", async () => {
    const ada = await app.register("Ada");
    const phone = (await signIn("Ada", PASSWORD)).body.token;
    expect((await change(ada.token, { password: PASSWORD, newPassword: NEW })).status).toBe(204);
    expect((await signIn("Ada", PASSWORD)).status).toBe(401);
    expect((await signIn("Ada", NEW)).status).toBe(201);
    for (const token of [ada.token, phone]) expect((await app.ask("/me", { token })).status).toBe(200);
  });

  test("ID-41: the other devices are signed out where that is asked for", async () => {
    const bob = await app.register("Bob");
    const phone = (await signIn("Bob", PASSWORD)).body.token;
    const other = await app.register("Bobby");
    const body = { password: PASSWORD, newPassword: NEW, endOtherLogins: true };
    expect((await change(bob.token, body)).status).toBe(204);
    const statuses = [bob.token, phone, other.token].map(async (token) => (await app.ask("/me", { token })).status);
    expect(await Promise.all(statuses)).toEqual([200, 401, 200]);
  });

  test.each([
    ["a wrong one", { password: "not the password", newPassword: NEW }, 422, "password_wrong"],
    ["none", { newPassword: NEW }, 400, "invalid"],
    ["a new one that is too short", { password: PASSWORD, newPassword: "1234567" }, 400, "invalid"],
    ["a common one", { password: PASSWORD, newPassword: "iloveyou" }, 422, "password_too_common"],
    ["the name", { password: PASSWORD, newPassword: "CAROL the first" }, 422, "password_too_common"],
  ])("ID-40, ID-41: is not changed with %s", async (title, body, status, code) => {
    const carol = await app.register(title === "the name" ? "Carol the First" : `Carol ${title}`.slice(0, 32));
    expect(await change(carol.token, body)).toMatchObject({ status, body: { code } });
  });

  test("ID-41: of two changes at once the second one finds another password", async () => {
    const dan = await app.register("Dan");
    const answers = await Promise.all(
      ["first of two", "second of two"].map((newPassword) => change(dan.token, { password: PASSWORD, newPassword })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 422]);
  });

  test("ID-41: signs nobody in who gave the previous one before the change and is answered after it", async () => {
    const fay = await app.register("Fay");
    const { verify } = Bun.password;
    const [compared, changed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const comparing = spyOn(Bun.password, "verify").mockImplementationOnce(async (...given) => {
      const right = await verify(...given);
      compared.resolve();
      await changed.promise;
      return right;
    });
    const signingIn = signIn("Fay", PASSWORD);
    await compared.promise;
    comparing.mockRestore();
    const body = { password: PASSWORD, newPassword: NEW, endOtherLogins: true };
    expect((await change(fay.token, body)).status).toBe(204);
    changed.resolve();
    expect((await signingIn).status).toBe(401);
    expect((await app.ask("/logins", { token: fay.token })).body.items).toHaveLength(1);
  });

  test("ID-40: is not a common one, nor the name, when the account is made", async () => {
    const make = (name: string, password: string) => app.ask("/accounts", { body: { name, password } });
    expect(await make("Eve", "Sunshine")).toMatchObject({ status: 422, body: { code: "password_too_common" } });
    expect(await make("Evelyn Ash", "evelyn ash")).toMatchObject({ body: { code: "password_too_common" } });
    expect((await make("Eve", "sunshine and rain")).status).toBe(201);
  });

  test("ID-42: cannot be guessed by a device that was left open", async () => {
    using time = new StillTime();
    const limited = await openIdentityApp({ RATE_LIMITS: "on" });
    try {
      const { token } = await limited.register("Flo");
      const guess = (password: string) =>
        limited.ask("/me/password", { method: "PUT", token, body: { password, newPassword: NEW } });
      for (let count = 0; count < 9; count++) expect((await guess(`guess ${count}`)).body.code).toBe("password_wrong");
      const deletion = (password: string) => limited.ask("/me", { method: "DELETE", token, body: { password } });
      expect((await deletion("guess 9")).body.code).toBe("password_wrong");
      for (const ask of [guess, deletion]) {
        expect(await ask(PASSWORD)).toMatchObject({ status: 429, body: { code: "rate_limited" } });
      }
      time.advance(600_001);
      expect((await deletion(PASSWORD)).status).toBe(204);
    } finally {
      await limited.close();
    }
  }, 30_000);
});

describe("deleting an account", () => {
  test("ID-15: asks for its password", async () => {
    const { token } = await app.register("Gus");
    for (const body of [undefined, {}, { password: "not the password" }]) {
      expect(await remove(token, body)).toMatchObject({ status: 422, body: { code: "password_wrong" } });
    }
    const headers = { "Content-Type": "application/json" };
    expect(await app.ask("/me", { method: "DELETE", token, headers })).toMatchObject({
      ...{ status: 422, body: { code: "password_wrong" } },
    });
    expect((await app.ask("/me", { token })).status).toBe(200);
    expect((await remove(token, { password: PASSWORD })).status).toBe(204);
    expect((await app.ask("/me", { token })).status).toBe(401);
  });
});
