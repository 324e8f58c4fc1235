import { afterAll, beforeAll, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { putPeople } from "./external-people-writes.ts";

let chat: ChatFixture;
beforeAll(async () => {
  chat = await ChatFixture.open();
});
afterAll(() => chat.close());

const people = (prefix: string, count: number, fields: object = {}) =>
  Array.from({ length: count }, (_, n) => ({ by: "key 1", externalId: `${prefix}-${n}`, ...fields }));

test("SRV-22: many people cost as many statements as one, and people who are as they were cost one look", async () => {
  const put = (inputs: ReturnType<typeof people>) => chat.statements((tx) => putPeople(tx, inputs));
  const made = await put(people("a", 1));
  expect(await put(people("b", 100))).toBe(made);
  const changed = await put(people("a", 1, { name: "Ann" }));
  expect(await put(people("b", 100, { name: "Ben" }))).toBe(changed);
  expect(await put(people("b", 100, { name: "Ben" }))).toBeLessThan(changed);
});

test("SRV-21: of two who want the same new person in one batch, the second changes what the first has made", async () => {
  const { writes } = chat.scratch;
  const [first, second] = await Promise.all([
    writes.run(putPeople, { by: "key 1", externalId: "c", name: "Cai" }),
    writes.run(putPeople, { by: "key 2", externalId: "c", avatar: "/c.png" }),
  ]);
  expect([first.created, second.created]).toEqual([true, false]);
  expect(second.person).toEqual({ ...first.person, avatar: "/c.png" });
});
