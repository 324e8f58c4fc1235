import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { TestServer } from "../../test/harness.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import { readTexts } from "../event-log/snapshot.ts";
import { type ShownMessage, TextChanges } from "../event-log/text-changes.ts";

const SHOWN: ShownMessage = { id: 10, uid: 20_001, quoted: { id: 11, uid: 20_002 } };

let chat: ChatFixture;
let ann: number;
let room: number;
beforeEach(async () => {
  chat = await ChatFixture.open();
  const [first, ...others] = (await chat.people(2)) as [number, number];
  ann = first;
  room = await chat.group(ann, others);
});
afterEach(() => chat.close());

/** These are committed, and announced. */
async function happen(...events: Partial<LoggedEvent>[]): Promise<void> {
  const { message } = await chat.say(ann, room, "so that the log goes on");
  for (const event of events) {
    chat.context.textChanges.onEvent({ messageId: null, data: "{}", pos: message.id, ...event } as LoggedEvent);
  }
}

/** How often a text is read while, each time, `meanwhile` happens. */
async function reads(meanwhile: (read: number) => Promise<void> | undefined): Promise<number> {
  let count = 0;
  await readTexts(chat.context, async ({ shows }) => {
    count += 1;
    shows(SHOWN);
    await meanwhile(count);
  });
  return count;
}

test.each([
  ["of a message that is recalled", { type: Push.RECALL, messageId: 10 }],
  ["of a message that is quoted and recalled", { type: Push.RECALL, messageId: 11 }],
  ["of somebody who is banned", { type: Push.BLACK, data: '{"uid":20001}' }],
  ["quoted, of somebody whose ban ends", { type: Push.UNBLACK, data: '{"uid":20002}' }],
])("IM-20, IM-21, BAN-3: a text %s while it is read is read again", async (_, event) => {
  expect(await reads((read) => (read === 1 ? happen(event) : undefined))).toBe(2);
});

test("IM-20: what happens to other messages, marks, and what the read has seen make nothing be read again", async () => {
  const others = [
    { type: Push.RECALL, messageId: 12 },
    { type: Push.MARK, messageId: 10 },
    { type: Push.BLACK, data: '{"uid":20003}' },
    { type: Push.RECALL, messageId: 10, pos: 1 },
  ];
  expect(await reads(() => happen(...others))).toBe(1);
});

test("IM-20: where one change comes after the other the answer is 503", async () => {
  const over = reads(() => happen({ type: Push.RECALL, messageId: 10 }));
  await expect(over).rejects.toMatchObject({ code: "overloaded", retryAfterMs: 1000 });
}, 30_000);

test("IM-20, IM-21: history, single messages and the list of rooms ask for each message that they show", async () => {
  const first = await chat.say(ann, room, "first");
  const second = await chat.must(ann, "POST", `/rooms/${room}/messages`, {
    ...{ clientId: "second", type: 1, body: { content: "second" }, replyTo: first.message.id },
  });
  const { id } = second.message;
  const asked = spyOn(chat.context.textChanges, "changedSince").mockReturnValueOnce(true);
  const shown = async (path: string) => {
    asked.mockClear();
    await chat.must(ann, "GET", path);
    return asked.mock.calls.map(([message]) => [message.id, message.quoted?.id]);
  };
  const both = [
    [first.message.id, undefined],
    [id, first.message.id],
  ];
  // The first time it is told that something has changed.
  expect(await shown(`/rooms/${room}/messages`)).toEqual([[id, first.message.id], ...both.toReversed()]);
  expect(await shown(`/messages/${id}`)).toEqual([both[1] as number[]]);
  expect(await shown("/rooms")).toContainEqual([id, first.message.id]);
  asked.mockRestore();
});

test("IM-20: the server's replies know what it announces", async () => {
  const hears = spyOn(TextChanges.prototype, "onEvent");
  const server = await TestServer.start();
  try {
    const person = await server.person("ann");
    const path = `/rooms/${await server.room(person, [])}/messages`;
    const request = { clientId: "one", type: 1, body: { content: "hello" } };
    const { message } = await person.api.ok<{ message: { id: number } }>("POST", path, request);
    await person.api.ok("DELETE", `/messages/${message.id}`);
    expect(hears.mock.calls.map(([{ type, messageId }]) => [type, messageId])).toContainEqual([
      Push.RECALL,
      message.id,
    ]);
  } finally {
    hears.mockRestore();
    await server.stop();
  }
});
