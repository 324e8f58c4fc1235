import { expect, test } from "bun:test";
import { openKeyRing } from "../src/cli/key-ring.ts";
import { openUserAccounts } from "../src/cli/user-accounts.ts";
import { ApiClient } from "./api-client.ts";
import { signUp } from "./harness.ts";
import { ServerProcess } from "./server-process.ts";
import { type Received, Receiver, until } from "./webhook-receiver.ts";

const ROOMS = ["a", "b", "c", "d", "e", "f"];
const EACH = 48;

/** A server in a separate process, with a server key and somebody who makes a webhook. */
async function rig(receiver: Receiver) {
  const server = new ServerProcess();
  await server.start();
  const ring = await openKeyRing(server);
  const { key } = await ring.add({ name: "shop", scopes: ["rooms", "messages"], expiresAt: null, rate: null });
  await ring.close();
  const { token } = await signUp(server.url, "root");
  const accounts = await openUserAccounts(server);
  await accounts.set("root", { power: 1 });
  await accounts.close();
  const door = () => new ApiClient(server.url, key, "/server");
  const root = () => new ApiClient(server.url, token);
  for (const room of ROOMS) await door().ok("PUT", `/rooms/${room}`, {});
  // A signed-in account's new power takes effect within a second.
  for (;;) {
    const made = await root().call("POST", "/admin/webhooks", { url: receiver.url, events: ["MESSAGE"] });
    if (made.status === 201) break;
    expect(made.status).toBe(403);
  }
  return { server, door, root };
}

const textOf = (room: string, n: number) => ({
  room,
  clientId: `${room}-${n}`,
  type: 1,
  body: { content: `${room} ${n}` },
});

test("HOOK-12, HOOK-1: over kill -9 again and again, an address that fails now and then is told everything, in order for each room", async () => {
  const receiver = new Receiver();
  let requests = 0;
  receiver.answer = async ({ attempt }) => {
    requests += 1;
    await new Promise((resolve) => setTimeout(resolve, 3));
    return new Response("", { status: requests % 9 === 0 && attempt === 1 ? 500 : 200 });
  };
  const { server, door } = await rig(receiver);

  let sent = 0;
  let kills = 0;
  for (let n = 0; n < EACH; n++) {
    const items = ROOMS.map((room) => textOf(room, n));
    // The server is killed in the middle of deliveries, of storing places, and of sends.
    const killing = n % 16 === 7 ? server.kill() : undefined;
    if (killing) kills += 1;
    for (;;) {
      const reply = await door()
        .call<{ items: { status: number }[] }>("POST", "/messages", { items })
        .catch(() => undefined);
      if (reply?.status === 200) break;
      await killing;
      if (killing) await server.start();
    }
    sent += items.length;
  }
  expect([kills, sent]).toEqual([3, ROOMS.length * EACH]);
  await receiver.until("everything", ({ taken }) => new Set(taken.map(({ id }) => id)).size >= sent, 45_000);
  for (const room of ROOMS) {
    const texts = receiver.texts().filter((text) => text?.startsWith(`${room} `));
    const firsts = texts.filter((text, index) => texts.indexOf(text) === index);
    expect(firsts).toEqual(Array.from({ length: EACH }, (_, n) => `${room} ${n}`));
    // What is repeated after a crash is repeated in order: it steps back only to where a repeat begins.
    const numbers = texts.map((text) => Number(text?.split(" ")[1]));
    const backwards = numbers.filter((number, index) => index > 0 && number < (numbers[index - 1] as number));
    expect(backwards.length).toBeLessThanOrEqual(kills);
  }
  expect(await server.stop()).toBe(0);
  await server.remove();
  await receiver.stop();
}, 90_000);

test("HOOK-12, HOOK-1: a room that is behind when the server is killed goes on where it was, though the others are far ahead", async () => {
  const receiver = new Receiver();
  const { server, door, root } = await rig(receiver);
  const roomOf = ({ data }: Received) => data.message?.body.content?.split(" ")[0];
  receiver.answer = (one) => new Response("", { status: roomOf(one) === "b" ? 500 : 200 });
  for (let n = 0; n < 5; n++)
    await door().ok("POST", "/messages", { items: ["a", "b"].map((room) => textOf(room, n)) });
  // The webhook's overall place is behind everything, and what is left has a separate place.
  const isAhead = async () => {
    const { items } = await root().ok<{ items: { lag: number; behind: number }[] }>("GET", "/admin/webhooks");
    return items[0]?.lag === 0 && items[0].behind === 1;
  };
  await until("the place is written", isAhead, 20_000);
  await server.kill();
  receiver.answer = () => new Response("");
  await server.start();
  await receiver.until("the room", () => receiver.texts().filter((text) => text?.startsWith("b ")).length >= 5, 40_000);
  expect(receiver.texts().filter((text) => text?.startsWith("b "))).toEqual([0, 1, 2, 3, 4].map((n) => `b ${n}`));
  expect(receiver.texts().filter((text) => text?.startsWith("a "))).toEqual([0, 1, 2, 3, 4].map((n) => `a ${n}`));
  // The count of an event's tries goes on; the try that was under way may have its number twice.
  const tries = receiver.received
    .filter(({ data }) => data.message?.body.content === "b 0")
    .map(({ attempt }) => attempt);
  expect(tries).toEqual(tries.toSorted((one, other) => one - other));
  expect(tries.at(-1)).toBeGreaterThan(1);
  await until(
    "nothing is behind",
    async () => {
      const { items } = await root().ok<{ items: { behind: number }[] }>("GET", "/admin/webhooks");
      return items[0]?.behind === 0;
    },
    20_000,
  );
  await server.remove();
  await receiver.stop();
}, 120_000);
