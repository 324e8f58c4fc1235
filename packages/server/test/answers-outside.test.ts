import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import { RequestTurns } from "../src/http/request-turns.ts";
import { LOCAL_RATES } from "../src/limits/limits.ts";
import { TestServer } from "./harness.ts";
import { LateAnswers } from "./late-answers.ts";
import { exchange, handshakeText, requestText } from "./raw-http.ts";
import { StillTime } from "./still-time.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start({ LOG_LEVEL: "info" });
}, 30_000);
afterAll(() => server.stop());

/** Settings of a server behind a proxy on this machine. */
const CLIENT = "203.0.113.9";

/** These are answered without the app: either there is no address that it could route, or the request asks for a connection. */
const ANSWERS = [
  [
    "a malformed Host",
    requestText("GET /rooms?token=pl_secret HTTP/1.1", { Host: "a b", Connection: "close", "X-Forwarded-For": CLIENT }),
    400,
  ],
  ["a refused handshake", handshakeText({ "Sec-WebSocket-Version": "8", "X-Forwarded-For": CLIENT }), 426],
] as const;

test.each(ANSWERS)("HTTP-40: %s has its turn like every request", async (_, text) => {
  using turns = spyOn(RequestTurns.prototype, "turnOf");
  await exchange(Number(new URL(server.url).port), text);
  expect(turns.mock.calls.map(([ip]) => ip)).toEqual([CLIENT]);
});

test.each(ANSWERS)(
  "HTTP-9: the answer to %s has the security headers and an id, is logged and counted",
  async (_, text, status) => {
    const reply = await exchange(Number(new URL(server.url).port), text);
    expect(reply.status).toBe(status);
    const header = (name: string) => reply.headers.get(name);
    expect([header("X-Content-Type-Options"), header("Cache-Control")]).toEqual(["nosniff", "no-store"]);
    const id = header("X-Request-Id") ?? "";
    const line = server.log.map((one) => JSON.parse(one)).find(({ requestId }) => requestId === id);
    expect(line).toMatchObject({ status, method: "GET", ip: CLIENT });
    expect(JSON.stringify(line)).not.toContain("secret");
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain(`status="${status}"`);
  },
);

test.each(ANSWERS)(
  "HTTP-25: an address that sends %s again and again is answered late",
  async (_, text) => {
    const own = await TestServer.start();
    try {
      using _time = new StillTime();
      using late = new LateAnswers();
      const port = Number(new URL(own.url).port);
      const ask = async () => {
        const startedAt = Bun.nanoseconds();
        await exchange(port, text);
        return (Bun.nanoseconds() - startedAt) / 1_000_000;
      };
      const { burst } = LOCAL_RATES.oddRequestsAtOnce;
      for (let asked = 0; asked < burst; asked += 100) await Promise.all(Array.from({ length: 100 }, ask));
      expect(late.count).toBe(0);
      const times = await Promise.all(Array.from({ length: 100 }, ask));
      expect(late.count).toBe(100);
      for (const ms of times) expect(ms).toBeGreaterThan(900);
      // Other addresses are not affected.
      const reply = await exchange(port, text.replaceAll(CLIENT, "203.0.113.10"));
      expect([reply.status >= 400, late.count]).toEqual([true, 100]);
    } finally {
      await own.stop();
    }
  },
  30_000,
);
