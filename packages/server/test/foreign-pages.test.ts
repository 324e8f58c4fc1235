import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { type Person, TestServer } from "./harness.ts";

let server: TestServer;
let ann: Person;
beforeAll(async () => {
  server = await TestServer.start({ RATE_LIMITS: "on", HALL: "public" });
  ann = await server.person("ann");
}, 30_000);
afterAll(() => server.stop());

const FOREIGN = { Origin: "https://elsewhere.example", "Sec-Fetch-Site": "cross-site" };
/** More than the handshakes and bad tokens that an address may make at once. */
const TOO_MANY = 70;

async function ask(path: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(`${server.url}/api/v1${path}`, { headers, method: "GET" });
  await response.body?.cancel();
  return response.status;
}

test("ID-39: event streams and polls that a foreign page asks for count nothing against its visitor", async () => {
  for (const path of ["/events", "/events/stream", "/events?token=pl_no", "/events/stream?token=pl_no"]) {
    const statuses = await Promise.all(Array.from({ length: TOO_MANY }, () => ask(path, FOREIGN)));
    expect([path, new Set(statuses)]).toEqual([path, new Set([403])]);
  }
  expect(await ask("/events")).toBe(200);
  expect(await ask("/events/stream")).toBe(200);
  expect(await ask("/events?token=pl_no")).toBe(401);
  const live = await server.connect();
  await live.frame(Push.READY);
});

test("ID-39: people who are signed in get the same answer from everywhere", async () => {
  expect(await ask("/events", { ...FOREIGN, Authorization: `Bearer ${ann.token}` })).toBe(200);
});

test("ID-37: an address gets 20 codes a minute, however many connections and doors it asks by", async () => {
  const screens = await Promise.all(Array.from({ length: 24 }, () => server.connect()));
  const answers = screens.map(async (screen) => {
    screen.send({ type: Command.LOGIN });
    await screen.until(() => screen.of(Push.LOGIN_URL).length + screen.of(Push.ERROR).length > 0, "an answer to LOGIN");
    return screen.of(Push.ERROR)[0]?.data.code ?? "shown";
  });
  const told = await Promise.all(answers);
  expect(told.filter((one) => one === "shown")).toHaveLength(20);
  expect(told.filter((one) => one === "rate_limited")).toHaveLength(4);
  expect((await fetch(`${server.url}/api/v1/qr-logins`, { method: "POST" })).status).toBe(429);
  const rows = await server.storage.db.selectFrom("qr_logins").select("code").execute();
  expect(rows).toHaveLength(20);
});
