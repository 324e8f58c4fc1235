import { expect, test } from "bun:test";
import { Http } from "./http.ts";
import type { ParleyError } from "./parley-error.ts";
import { type SignIn, TokenSource } from "./token-source.ts";

function rig(options: SignIn, answers: (() => Response)[] = []) {
  let signIns = 0;
  const tokens: (string | null)[] = [];
  const http = new Http(
    "https://x",
    async (_, init) => {
      signIns += 1;
      tokens.push(new Headers(init?.headers).get("Authorization"));
      return (answers.shift() ?? (() => Response.json({ token: `signed in ${signIns}` })))();
    },
    () => {},
  );
  const source = new TokenSource(options, http, 1_000);
  return { source, signIns: () => signIns, tokens };
}
const login = { name: "ann", password: "a long password" };

test("SDK-46: one of the two ways to sign in has to be given, and not both", () => {
  for (const options of [{}, { token: "t", login }])
    expect(() => rig(options as never)).toThrow("either `token` or `login`");
});

test("SDK-23: name and password sign in once, again after a failure, and anew after the login has ended", async () => {
  const { source, signIns, tokens } = rig({ login }, [() => new Response("", { status: 503 })]);
  expect(await source.get().catch((error: ParleyError) => error.status)).toBe(503);
  expect(await Promise.all([source.get(), source.get()])).toEqual(["signed in 2", "signed in 2"]);
  expect([source.current, signIns()]).toEqual(["signed in 2", 2]);
  source.forget();
  expect(source.current).toBeUndefined();
  expect(await source.get()).toBe("signed in 3");
  // The server knows the device by the token of the login that has ended.
  expect(tokens).toEqual([null, null, "Bearer signed in 2"]);
});

test("SDK-23: a token that was given at a start is used until the login has ended; then the product's function is asked", async () => {
  let asked = 0;
  const { source } = rig({ token: async () => `asked ${++asked}` });
  expect([source.begin("given"), await source.get()]).toEqual([true, "given"]);
  expect([source.begin(undefined), source.begin("given"), await source.get(), asked]).toEqual([
    false,
    false,
    "given",
    0,
  ]);
  source.forget();
  expect([await source.get(), await source.get()]).toEqual(["asked 1", "asked 2"]);
});

test("SDK-47: a token that is given while another one is on its way takes its place as the one in use", async () => {
  let give: (token: string) => void = () => {};
  const { source } = rig({ token: () => new Promise<string>((resolve) => (give = resolve)) });
  const first = source.get();
  source.begin("given");
  give("late");
  await first;
  expect(source.current).toBe("given");
});

test("SDK-44: an empty token is a visitor's: none is sent, and a connection has none", async () => {
  const { source } = rig({ token: "" });
  expect(await source.find()).toBeUndefined();
  const error = await source.get().catch((error: ParleyError) => error);
  expect(error).toMatchObject({ status: 401, code: "unauthorized" });
});
