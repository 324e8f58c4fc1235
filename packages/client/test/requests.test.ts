import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { Stage } from "../../server/test/transports/stage.ts";
import { PUBLIC_ROUTES } from "../src/api/routes.ts";
import { createClient } from "../src/index.ts";

describe("requests without a token", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage.close());

  test("SDK-44: the routes that are asked without a token are those that the server's document says so of", async () => {
    const document = (await (await fetch(`${stage.server.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { security?: unknown[] }>>;
    };
    const open = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations)
        .filter(([, { security = [] }]) => security.length === 0)
        .map(([method]) => `${method.toUpperCase()} ${path.replace("/api/v1", "")}`),
    );
    expect([...PUBLIC_ROUTES].sort()).toEqual(open.sort() as never);
  });

  test("SDK-44: somebody signs in by a QR code, from nothing to a live client", async () => {
    const visitor = createClient({ url: stage.server.url, token: "" });
    const { code, secret } = await visitor.request("POST /qr-logins");
    const ask = () =>
      visitor.request("GET /qr-logins/{code}", {
        path: { code },
        query: { wait: 20 },
        headers: { "x-qr-secret": secret },
      });
    const phone = createClient({ url: stage.server.url, token: stage.ben.token });
    expect(
      (await visitor.request("GET /qr-logins/{code}", { path: { code }, headers: { "x-qr-secret": secret } })).state,
    ).toBe("pending");
    await phone.request("POST /qr-logins/{code}/scan", { path: { code } });
    expect((await ask()).state).toBe("scanned");
    await phone.request("POST /qr-logins/{code}/confirm", { path: { code } });
    const { state, token, user } = await ask();
    expect([state, user?.uid]).toEqual(["confirmed", stage.ben.uid]);
    const signedIn = createClient({ url: stage.server.url, token: token ?? "" });
    expect((await signedIn.request("GET /me")).uid).toBe(stage.ben.uid);
  });

  test("SDK-44: a visitor is answered by the server where a login is wanted, and a hanging request may hang", async () => {
    const visitor = createClient({ url: stage.server.url, token: "" }, { timing: { requestMs: 300 } });
    const refused = await visitor.request("GET /me").catch((error) => error);
    expect([refused.status, refused.code]).toEqual([401, "unauthorized"]);
    expect((await visitor.request("GET /doctor")).clientIp).toBeTruthy();
    const client = createClient({ url: stage.server.url, token: stage.ben.token }, { timing: { requestMs: 300 } });
    const { cursor } = await client.request("GET /events");
    const { events } = await client.request("GET /events", { query: { cursor, wait: 1 } });
    expect(events).toEqual([]);
  });

  test("SDK-23: a visitor that is started stops at once: there is nobody to be", async () => {
    const visitor = createClient({ url: stage.server.url, token: "" });
    const stopped = new Promise((resolve) =>
      visitor.on("state", (state) => state.kind === "stopped" && resolve(state)),
    );
    visitor.start();
    expect(await stopped).toMatchObject({
      why: "sign-in-refused",
      error: { status: 401, message: "There is no token" },
    });
  });
});

test("SDK-3: an `onError` that throws keeps nothing from anybody", async () => {
  const stage = await Stage.open();
  const said = spyOn(console, "error").mockImplementation(() => {});
  const onError = () => {
    throw new Error("the product's own");
  };
  const client = createClient({ url: stage.server.url, token: stage.ben.token, onError });
  const got: string[] = [];
  client.on("state", () => {
    throw new Error("a handler's");
  });
  client.on("state", async () => {
    throw new Error("a promise's");
  });
  const live = new Promise<void>((resolve) =>
    client.on("state", ({ kind }) => {
      got.push(kind);
      if (kind === "live") resolve();
    }),
  );
  client.start();
  await live;
  expect(got.at(-1)).toBe("live");
  expect(said.mock.calls[0]).toEqual(["parley: onError failed:", new Error("the product's own")]);
  client.stop();
  await stage.close();
  said.mockRestore();
});
