import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { STOP_CAP_MS } from "../src/cli/serve.ts";
import { withDeadline } from "../src/lib/interval.ts";
import { ApiClient } from "./api-client.ts";
import { LiveClient } from "./live-client.ts";
import { ServerProcess } from "./server-process.ts";

/** More than the runtime takes from the system at once: with only as many, it would go on without a turn. */
const CONNECTIONS = 1300;
/** Of another address, as a proxy says, so that the requests in progress of the one do not count for the others. */
const REQUEST = "GET /api/v1/rooms/1 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n";

const server = new ServerProcess();
beforeAll(() => server.start(), 30_000);
afterAll(() => server.remove());

/** A client that sends its next request as soon as the last one is answered. */
function floods(): Socket {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {}).on("data", () => void socket.write(REQUEST));
  socket.write(REQUEST);
  return socket;
}

test("HTTP-40: while one address asks without an end everybody else is served, and the server stops when it is told to", async () => {
  const account = { name: "bystander", password: "a long password" };
  const { token } = await new ApiClient(server.url).ok<{ token: string }>("POST", "/accounts", account);
  const api = new ApiClient(server.url, token);
  const sockets = Array.from({ length: CONNECTIONS }, floods);
  try {
    const live = await LiveClient.open(server.url, { token });
    const sending = Array.from({ length: 5 }, async (_, n) => {
      const message = { clientId: `n${n}`, type: 1, body: { content: "x".repeat(4000) } };
      return (await api.call("POST", "/rooms/1/messages", message)).status;
    });
    expect(await withDeadline(Promise.all(sending), 30_000, "a send was not answered")).toEqual(Array(5).fill(201));
    await live.until(() => live.of(4).length === 5, "the messages", 30_000);
    const ended = api.call("DELETE", "/logins/current");
    expect((await withDeadline(ended, 30_000, "a login could not be ended")).status).toBe(204);
    expect((await live.ended(30_000)).code).toBe(4001);
    expect(await withDeadline(server.stop(), STOP_CAP_MS - 2000, "the server did not stop")).toBe(0);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}, 120_000);
