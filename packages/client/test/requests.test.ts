import { describe, expect, spyOn, test } from "bun:test";
import { PUBLIC_ROUTES } from "../src/api/routes.ts";
import { createClient } from "../src/index.ts";
import { ServerRig } from "./rig/rig.ts";

describe("requests without a token", () => {
  const rig = new ServerRig();

  test("SDK-44: the routes that are asked without a token are those that the server's document says so of", async () => {
    const document = (await (await fetch(`${rig.stage.server.url}/openapi.json`)).json()) as {
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
    const visitor = createClient({ url: rig.stage.server.url, token: "" });
    const { code, secret } = await visitor.request("POST /qr-logins");
    const ask = () =>
      visitor.request("GET /qr-logins/{code}", {
        path: { code },
        query: { wait: 20 },
        headers: { "x-qr-secret": secret },
      });
    const phone = createClient({ url: rig.stage.server.url, token: rig.stage.ben.token });
    expect(
      (await visitor.request("GET /qr-logins/{code}", { path: { code }, headers: { "x-qr-secret": secret } })).state,
    ).toBe("pending");
    await phone.request("POST /qr-logins/{code}/scan", { path: { code } });
    expect((await ask()).state).toBe("scanned");
    await phone.request("POST /qr-logins/{code}/confirm", { path: { code } });
    const { state, token, user } = await ask();
    expect([state, user?.uid]).toEqual(["confirmed", rig.stage.ben.uid]);
    const signedIn = createClient({ url: rig.stage.server.url, token: token ?? "" });
    expect((await signedIn.request("GET /me")).uid).toBe(rig.stage.ben.uid);
  });

  test("SDK-44: a visitor is answered by the server where a login is wanted, and a hanging request may hang", async () => {
    const visitor = createClient({ url: rig.stage.server.url, token: "" });
    const refused = await visitor.request("GET /me").catch((error) => error);
    expect([refused.status, refused.code]).toEqual([401, "unauthorized"]);
    expect((await visitor.request("GET /doctor")).clientIp).toBeTruthy();
    const client = createClient(
      { url: rig.stage.server.url, token: rig.stage.ben.token },
      { timing: { requestMs: 1_500 } },
    );
    const cursor = await rig.stage.now();
    const { events } = await client.request("GET /events", { query: { cursor, wait: 2 } });
    expect(events).toEqual([]);
    // A request that has its `wait` in the body may take that long, too.
    expect((await client.request("POST /events", { body: { cursor, wait: 2 } })).events).toEqual([]);
  }, 20_000);

  test("SDK-23: a visitor that is started stops at once: there is nobody to be", async () => {
    const visitor = rig.open({ token: "" });
    expect(await visitor.was("stopped")).toMatchObject({
      why: "sign-in-refused",
      error: { status: 401, message: "There is no token" },
    });
  });
});

describe("handlers", () => {
  const rig = new ServerRig();
  const failing = (onError: (error: unknown) => void) => {
    const watched = rig.open({ onError });
    const ends = [
      watched.client.on("state", () => {
        throw new Error("a handler's");
      }),
      watched.client.on("state", async () => {
        throw new Error("a promise's");
      }),
    ];
    return { watched, calm: () => ends.map((end) => end()) };
  };

  test("SDK-3: what handlers throw, and what their promises reject with, is told to `onError`, each once", async () => {
    const told: string[] = [];
    const { watched, calm } = failing((error) => void told.push((error as Error).message));
    await watched.live();
    const failures = watched.states.length;
    await watched.until(() => told.length >= 2 * failures, "all failures");
    expect(told.filter((text) => text === "a handler's")).toHaveLength(failures);
    expect(told.filter((text) => text === "a promise's")).toHaveLength(failures);
    calm();
  });

  test("SDK-3: an `onError` that throws keeps nothing from anybody", async () => {
    const said = spyOn(console, "error").mockImplementation(() => {});
    try {
      const { watched, calm } = failing((error) => {
        throw new Error(`the product's own: ${(error as Error).message}`);
      });
      const got: string[] = [];
      watched.client.on("state", ({ kind }) => void got.push(kind));
      await watched.live();
      expect(got.at(-1)).toBe("live");
      const texts = () => said.mock.calls.map(([what, error]) => `${what} ${(error as Error).message}`);
      for (const whose of ["a handler's", "a promise's"]) {
        const line = `parley: onError failed: the product's own: ${whose}`;
        await watched.until(() => texts().includes(line), line);
      }
      calm();
    } finally {
      said.mockRestore();
    }
  });
});
