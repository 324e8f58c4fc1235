import { afterAll, beforeAll, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { deleteAccount } from "../identity/accounts-writes.ts";

let chat: ChatFixture;
beforeAll(async () => {
  chat = await ChatFixture.open();
});
afterAll(() => chat.close());

test("IM-51: a member whose account was deleted gets neither a role nor the room", async () => {
  const [ann, ben] = chat.people(2) as [number, number];
  const room = await chat.group(ann, [ben]);
  await chat.context.writes.run(deleteAccount, { uid: ben });
  const refused = { status: 422, body: { code: "unknown_user" } };
  expect(await chat.ask(ann, "PUT", `/rooms/${room}/owner`, { uid: ben })).toMatchObject(refused);
  expect(await chat.ask(ann, "PUT", `/rooms/${room}/members/${ben}/role`, { role: 2 })).toMatchObject(refused);
  expect((await chat.must(ann, "GET", `/rooms/${room}`)).ownerId).toBe(ann);
  await chat.must(ann, "DELETE", `/rooms/${room}/members/${ben}`);
});
