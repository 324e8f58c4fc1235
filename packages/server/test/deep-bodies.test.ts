import { afterAll, beforeAll, expect, test } from "bun:test";
import { SIZES } from "../src/limits/sizes.ts";
import { type Person, TestServer } from "./harness.ts";
import { type Door, openDoor, personAtDoor } from "./server-door.ts";

/** The time that the runtime needs for a value grows with the square of its depth, so one deep body would hold everybody up. */
let server: TestServer;
let door: Door;
let ada: Person;
beforeAll(async () => {
  server = await TestServer.start({ CUSTOM_KINDS: "note" });
  door = await openDoor(server, "shop");
  ada = await personAtDoor(server, door, "ada");
}, 30_000);
afterAll(() => server.stop());

/** This many lists inside each other, as JSON. */
const lists = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
const MOST = SIZES.nesting.count;
const event = (data: string) => `{"to":{"users":["ada"]},"kind":"x","data":${data}}`;
const message = (data: string) =>
  `{"clientId":"${data.length}","type":100,"body":{"kind":"note","text":"t","data":${data}}}`;

async function post(path: string, token: string, body: string) {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const reply = await fetch(`${server.url}/api/v1${path}`, { method: "POST", headers, body });
  return {
    status: reply.status,
    body: (await reply.json()) as { code: string; errors: { path: string; message: string }[] },
  };
}

test("HTTP-43: a body that is nested deeper is refused before anything is done with it", async () => {
  const roomId = await server.room(ada, []);
  for (const [path, token, body] of [
    [`/rooms/${roomId}/messages`, ada.token, message(lists(32_000))],
    [`/rooms/${roomId}/messages`, ada.token, message(lists(MOST - 1))],
    ["/events", ada.token, lists(130_000)],
    ["/accounts", "", `{"name":${lists(30_000)}}`],
    ["/server/events", door.key, event(lists(130_000))],
    ["/server/events", door.key, event(lists(MOST))],
    ["/server/events", door.key, event(`${'{"a":'.repeat(MOST)}1${"}".repeat(MOST)}`)],
  ] as const) {
    const reply = await post(path, token, body);
    expect([path, reply.status, reply.body.code]).toEqual([path, 400, "invalid"]);
    expect(reply.body.errors).toEqual([
      { path: "", message: "The body has more than 100 lists and objects inside each other" },
    ]);
  }
});

test("HTTP-43: one that is just flat enough comes as it was sent", async () => {
  const live = await server.live(ada);
  const deep = lists(MOST - 1);
  expect((await post("/server/events", door.key, event(deep))).status).toBe(201);
  expect(JSON.stringify((await live.frame(117)).data.data)).toBe(deep);
  const roomId = await server.room(ada, []);
  expect((await post(`/rooms/${roomId}/messages`, ada.token, message(lists(MOST - 2)))).status).toBe(201);
  // Brackets inside texts do not count.
  expect((await post("/server/events", door.key, event(JSON.stringify(`\\"${"[{".repeat(1000)}`)))).status).toBe(201);
});
