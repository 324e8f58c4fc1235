import { expect, test } from "bun:test";
import { createClient } from "../src/index.ts";

const right = { url: "http://127.0.0.1:9", token: "t" };

test.each([
  ["url", undefined],
  ["url", { token: "t" }],
  ["url", { ...right, url: "not a url" }],
  ["url", { ...right, url: "ftp://x" }],
  ["url", { ...right, url: "localhost:8080" }],
  ["token", { ...right, token: 5 }],
  ["max", { ...right, max: -1 }],
  ["max", { ...right, max: 0 }],
  ["storage", { ...right, storage: 5 }],
  ["transports", { ...right, transports: ["pigeon"] }],
  ["transports", { ...right, transports: [] }],
  ["cursor", { ...right, cursor: "foo" }],
  ["login", { ...right, login: { name: "ann" } }],
  ["tabs", { ...right, tabs: "no" }],
  ["transport", { ...right, transport: ["sse"] }],
  ["maxWaiting", { ...right, maxWaiting: "all" }],
])("SDK-46: createClient refuses a wrong `%s`: %j", (name, options) => {
  expect(() => createClient(options as never)).toThrow(new RegExp(`^\`${name}\` has to be `));
  expect(() => createClient(options as never)).toThrow(TypeError);
});

test.each([
  ["roomId", []],
  ["roomId", [Number.NaN, "x"]],
  ["text", [2, ""]],
])("SDK-46: send refuses a wrong `%s` at once: %j", async (name, given) => {
  const client = createClient(right);
  const error = await client.send(...(given as [number, string])).catch((error: Error) => error);
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toStartWith(`\`${name}\` has to be `);
  expect(client.waiting).toBe(0);
});

test("SDK-46: on and request refuse unknown names", async () => {
  const client = createClient(right);
  expect(() => client.on("message", undefined as never)).toThrow("`handler` has to be a function");
  expect(() => client.on("mesage" as "message", () => {})).toThrow(
    "`mesage` has to be an event; did you mean message?",
  );
  for (const name of ["message", "resync", "state-reloaded", "event"] as const) client.on(name, () => {})();
  for (const route of ["rooms", undefined]) {
    const error = await client.request(route as "GET /rooms").catch((error: Error) => error);
    expect(error).toBeInstanceOf(TypeError);
  }
});

test("SDK-46: an unknown option names the one that was meant, or all", () => {
  const open = (more: object) => () => createClient({ ...right, ...more } as never);
  expect(open({ transport: ["sse"] })).toThrow("`transport` has to be an option; did you mean transports?");
  expect(open({ reconnectionDelay: 5 })).toThrow("`reconnectionDelay` has to be an option: token, login, transports,");
});

test.each<[string, (client: ReturnType<typeof createClient>) => unknown]>([
  ["roomId", (client) => client.typing("7" as never)],
  ["roomId", (client) => client.markRead(0, 5)],
  ["seq", (client) => client.markRead(7, undefined as never)],
  ["seq", (client) => client.markRead(7, -1)],
  ["messageId", (client) => client.recall(undefined as never)],
  ["messageId", (client) => client.mark(1.5, "like")],
  ["mark", (client) => client.mark(5, "love" as never)],
  ["mark", (client) => client.unmark(5, "" as never)],
])("SDK-46: every call refuses a wrong `%s`", async (name, call) => {
  const error = await (async () => call(createClient(right)))().catch((error: Error) => error);
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toStartWith(`\`${name}\` has to be `);
});

test.each(["pl_a_token", { tokn: "pl_a_token" }, { token: 5 }, { token: "" }])(
  "SDK-46: start takes nothing, or a token by its name: not %j",
  (given) => {
    const client = createClient(right);
    expect(() => client.start(given as { token: string })).toThrow(
      "`start` has to be called with nothing or { token }",
    );
    expect(client.state).toEqual({ kind: "stopped", why: "not-started" });
  },
);

test.each(["", "/", "//"])(
  "SDK-46: slashes at the end of the server's address are one with it: %j",
  async (slashes) => {
    const asked: string[] = [];
    const fetch = async (url: string) => {
      asked.push(url);
      return Response.json({ uid: 1 });
    };
    const client = createClient({ ...right, url: `http://127.0.0.1:9/im${slashes}`, fetch });
    await client.request("GET /me");
    expect(asked).toEqual(["http://127.0.0.1:9/im/api/v1/me"]);
  },
);
