import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push, type Ref, userStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { pushEvents } from "../server-api/custom-writes.ts";
import { notifyPeople } from "../server-api/notify-writes.ts";
import { markNotices } from "./mark-writes.ts";

let chat: ChatFixture;
let ann: number;
beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann] = (await chat.people(1)) as [number];
});
afterEach(() => chat.close());

const asked = {
  ...{ by: "key 1", keyId: 1, dedupeKey: null, requestHash: "", everybody: 1, skipUnknown: false },
  hall: { access: "members", send: "everyone" } as const,
};
const notice = { kind: "a", key: null, collapseKey: null, title: "title", text: "text", link: null, data: null };

test("NTF-24, EVT-8: in one batch with other writes each has the position of its event", async () => {
  const { writes, events, db } = chat.scratch;
  const notify = () =>
    writes.run(notifyPeople, { ...asked, to: { users: [ann] as Ref[] }, notice: { ...notice, ttlMs: null } });
  const custom = { kind: "b", data: "1", collapseKey: "c", ttlMs: null, log: true };
  const push = () => writes.run(pushEvents, { ...asked, ...custom, to: { users: [ann] as Ref[] } });
  const first = (await notify()).reply.id;
  const seen = { kind: "seen", upTo: first, ids: [] } as const;
  const mark = () => writes.run(markNotices, { actor: { uid: ann, power: 0 }, act: seen });
  const [, second] = await Promise.all([mark(), notify(), push()]);
  const [self, told, pushed] = events.slice(-3);
  expect([self, told, pushed].map((event) => event?.type)).toEqual([Push.SELF, Push.NOTIFICATION, Push.CUSTOM]);
  expect(told).toMatchObject({ stream: userStream(ann), pos: second.reply.id, messageId: second.reply.id });
  expect(pushed?.messageId).toBe(pushed?.pos as number);
  expect(await db.selectFrom("custom_events").select("id").execute()).toEqual([{ id: pushed?.pos as number }]);
});
