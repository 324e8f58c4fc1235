/** Requests whose body comes slowly: what ends meanwhile, and how long they may take. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { revokeKey } from "../src/keys/key-actions.ts";
import { AppFixture } from "./app-fixture.ts";
import { PASSWORD, type Person, TestServer } from "./harness.ts";
import { rawRequest } from "./raw-http.ts";
import { openDoor } from "./server-door.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
}, 30_000);
afterAll(() => server.stop());

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** Sends a head and the first byte of its body; `finish` sends the rest, and gives the status of the answer. */
async function begin(url: string, token: string, { method, path, body }: Asked, how: "declared" | "chunked") {
  const text = JSON.stringify(body);
  const size = how === "declared" ? `Content-Length: ${text.length}` : "Transfer-Encoding: chunked";
  const part = (some: string) => (how === "declared" ? some : `${some.length.toString(16)}\r\n${some}\r\n`);
  const head = `${method} /api/v1${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n${size}`;
  const bytes = `${head}\r\n\r\n${part(text.slice(0, 1))}`;
  const { socket, answered } = rawRequest({ url, bytes, onBytes: () => {}, onEnd: () => {} });
  // The server has the head when it has answered a later request.
  await fetch(`${url}/healthz`);
  return {
    answered,
    finish: async () => {
      socket.write(part(text.slice(1)) + (how === "chunked" ? "0\r\n\r\n" : ""));
      const { status } = await answered;
      socket.destroy();
      return status;
    },
    end: () => socket.destroy(),
  };
}

const hello = (clientId: string) => ({ clientId, type: 1, body: { content: "hello" } });

const ENDS: Record<string, (person: Person) => Promise<unknown>> = {
  "its login ends": ({ api }) => api.ok("DELETE", "/logins"),
  "its account is deleted": ({ api }) => api.ok("DELETE", "/me", { password: PASSWORD }),
};

describe.each(Object.keys(ENDS))("when %s while the body comes", (name) => {
  test.each(["declared", "chunked"] as const)(
    "HTTP-30: nothing of it is carried out, of a %s body",
    async (how) => {
      const key = `${name.includes("login") ? "l" : "a"}${how}`;
      const [ann, ben] = await Promise.all([server.person(`ann${key}`), server.person(`ben${key}`)]);
      const room = await server.room(ben, [ann]);
      const asks: Asked[] = [
        { method: "POST", path: `/rooms/${room}/messages`, body: hello("late") },
        { method: "PATCH", path: "/me", body: { name: `taken${key}` } },
        { method: "POST", path: "/rooms", body: { name: "late" } },
        { method: "POST", path: `/rooms/${room}/members`, body: { memberIds: [ben.uid] } },
        { method: "PUT", path: `/rooms/${room}/read`, body: { seq: 1 } },
      ];
      const begun = await Promise.all(asks.map((ask) => begin(server.url, ann.token, ask, how)));
      await ENDS[name]?.(ann);
      expect(await Promise.all(begun.map(({ finish }) => finish()))).toEqual(asks.map(() => 401));
      const { items } = await ben.api.ok<{ items: { message: { clientId: string } }[] }>(
        "GET",
        `/rooms/${room}/messages`,
      );
      expect(items.map(({ message }) => message.clientId)).not.toContain("late");
    },
    20_000,
  );
});

test.each(["declared", "chunked"] as const)(
  "HTTP-30: nothing of a %s body is carried out when its server key ends",
  async (how) => {
    const { db, writes } = server.storage;
    const door = await openDoor(server, `brief-${how}`);
    const put = { method: "PUT", path: `/server/users/late-${how}`, body: { name: "Late" } };
    const begun = await begin(server.url, door.key, put, how);
    await revokeKey({ db, writes }, `brief-${how}`);
    expect(await begun.finish()).toBe(401);
  },
);

test("HTTP-30: a slow body of a login that lives is carried out", async () => {
  const cas = await server.person("cas");
  const room = await server.room(cas, []);
  const send = { method: "POST", path: `/rooms/${room}/messages`, body: hello("slow") };
  const begun = await begin(server.url, cas.token, send, "declared");
  expect(await begun.finish()).toBe(201);
});

test.each(["declared", "chunked"] as const)("HTTP-31: a %s body that does not come in time is 400", async (how) => {
  const app = new AppFixture({}, { bodyWaitMs: 50 });
  const ask = { method: "PUT", path: "/notes/1", body: { text: "hello" } };
  const begun = await begin(app.origin, "alice", ask, how);
  expect((await begun.answered).status).toBe(400);
  begun.end();
  await app.stop();
});
