import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { type Person, TestServer } from "./harness.ts";
import { historyOf } from "./history.ts";
import type { LiveClient, SeenFrame } from "./live-client.ts";
import { sendAll } from "./load.ts";

const MESSAGES = 1000;
const CONNECTIONS = 50;
const SENDERS = 8;

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
}, 30_000);
afterAll(() => server.stop());

/** Signs in on an anonymous connection with a code that somebody else's login confirms. */
async function signInByQr(phone: Person): Promise<LiveClient> {
  const screen = await server.connect();
  screen.send({ type: Command.LOGIN });
  const { loginUrl } = (await screen.frame(Push.LOGIN_URL)).data;
  const code = new URL(loginUrl).pathname.split("/").at(-1);
  await phone.api.ok("POST", `/qr-logins/${code}/scan`);
  await screen.frame(Push.LOGIN_SCAN_SUCCESS);
  await phone.api.ok("POST", `/qr-logins/${code}/confirm`);
  await screen.frame(Push.RED_DOT);
  return screen;
}

test("IM-1: everybody in a room gets every message once, in the history's order, whoever sends at the same time", async () => {
  const people = await Promise.all(["ann", "ben", "cai", "dee", "eva"].map((name) => server.person(name)));
  const [ann, ...others] = people as [Person, ...Person[]];
  const byQr = await signInByQr(others[0] as Person);
  expect((await byQr.frame(Push.LOGIN_SUCCESS)).data.uid).toBe(others[0]?.uid);
  const opened = await Promise.all(
    Array.from({ length: CONNECTIONS - 1 }, (_, i) => server.connect({ token: (people[i % 5] as Person).token })),
  );
  const connections = [byQr, ...opened];
  await Promise.all(connections.map((connection) => connection.frame(Push.RED_DOT)));

  const room = await ann.api.ok<{ id: number }>("POST", "/rooms", {
    name: "g",
    memberIds: others.map(({ uid }) => uid),
  });
  const stream = `room:${room.id}`;
  await Promise.all(connections.map((one) => one.frame(Push.MEMBER_CHANGE, (frame) => frame.stream === stream)));
  await sendAll({
    senders: Array.from({ length: SENDERS }, (_, i) => people[i % 5] as Person),
    roomId: room.id,
    count: MESSAGES,
  });

  const history = await historyOf(ann, room.id);
  expect(history).toHaveLength(MESSAGES);
  for (const connection of connections) {
    await connection.until(() => connection.stream(stream).length >= MESSAGES + 1, "all messages", 20_000);
    const events = connection.stream(stream);
    expect(events.map((event) => event.seq)).toEqual(Array.from({ length: MESSAGES + 1 }, (_, i) => i + 1));
    expect(events.filter(isMessage).map((event) => event.data)).toEqual(history);
  }
}, 60_000);

function isMessage(frame: SeenFrame): boolean {
  return frame.type === Push.MESSAGE;
}
