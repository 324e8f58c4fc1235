import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { count, GET, HANDSHAKE, outcomeOf } from "./bare-requests.ts";
import { signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { until } from "./postgres-rig.ts";
import { exchange, requestText } from "./raw-http.ts";
import { ServerProcess } from "./server-process.ts";

const CLIENTS = 60;

test.each([
  ["requests", GET, "401"],
  ["handshakes", HANDSHAKE, "101"],
])(
  "DR-12: of %s that keep coming while the server stops, each is answered or refused before it begins, and none is lost",
  async (_, request, usual) => {
    const server = new ServerProcess();
    await server.start();
    const outcomes: string[] = [];
    const client = async () => {
      for (let last = ""; last !== "refused"; outcomes.push(last)) last = await outcomeOf(server.url, request);
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, client));
    await until("there is load", async () => count(outcomes, usual) > 300);
    expect(await server.stop()).toBe(0);
    await clients;
    expect(count(outcomes, "lost")).toBe(0);
    expect(count(outcomes, "refused")).toBe(CLIENTS);
    await server.remove();
  },
  60_000,
);

test("DR-12: an answer in the drain ends its connection, which would be closed soon, perhaps in the middle of the next request", async () => {
  const server = new ServerProcess(
    { DRAIN_SECONDS: "20" },
    { entry: new URL("./slow-drain.ts", import.meta.url).pathname },
  );
  await server.start();
  const ann = await signUp(server.url, "ann");
  const live = await LiveClient.open(server.url, { token: ann.token });
  await live.frame(Push.RED_DOT);
  const ask = () =>
    exchange(Number(new URL(server.url).port), requestText("GET /api/v1/me HTTP/1.1", { Host: "localhost" }));
  const before = await ask();
  expect([before.status, before.headers.get("Connection")]).toEqual([401, null]);
  server.terminate();
  await live.frame(Push.DRAIN);
  const during = await ask();
  expect([during.status, during.headers.get("Connection")]).toEqual([503, "close"]);
  live.close();
  expect(await server.exited()).toBe(0);
  await server.remove();
}, 40_000);
