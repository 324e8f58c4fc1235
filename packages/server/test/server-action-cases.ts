import { expect } from "bun:test";
import { LogReader } from "../src/event-log/log-reader.ts";
import type { ServerKey } from "../src/http/server-key.ts";
import * as keys from "../src/keys/key-actions.ts";
import * as own from "../src/notifications/notification-actions.ts";
import * as events from "../src/server-api/event-actions.ts";
import { Feed } from "../src/server-api/feed.ts";
import { type FeedRequest, readFeed } from "../src/server-api/feed-actions.ts";
import * as messages from "../src/server-api/message-actions.ts";
import * as notices from "../src/server-api/notification-actions.ts";
import * as people from "../src/server-api/people-actions.ts";
import * as presence from "../src/server-api/presence-actions.ts";
import * as rooms from "../src/server-api/room-actions.ts";
import type { Rig } from "./admin-action-cases.ts";

const KEY: ServerKey = { id: 1, name: "shop", scopes: new Set(), rate: null, recipientsRate: null, allRate: null };

const ALL = { state: "all" as const, before: undefined, limit: 50 };

/** A notification to one person; returns its id. */
async function notified({ context }: Rig, uid: number, key?: string): Promise<number> {
  const request = { to: { users: [uid] }, kind: "kind", title: "title", text: "text", key };
  return (await notices.notify(context, KEY, { request, skipUnknown: false })).reply.id;
}

/** The cases for the actions of the product's own backend. @param rig is called when a case runs: before that, nothing is open */
export const serverCases = (rig: () => Rig): Record<string, Record<string, () => Promise<void>>> => ({
  "keys/key": {
    async addKey() {
      const { context, codeOf } = rig();
      const wish = { name: "shop", scopes: ["users"], expiresAt: null, rate: null };
      const { id, key } = await keys.addKey(context, wish);
      expect(await context.serverKeys.find(key)).toMatchObject({ id, name: "shop" });
      expect(await codeOf(keys.addKey(context, wish))).toBe("name_taken");
      for (const wrong of [{ name: "a shop" }, { scopes: [] }, { scopes: ["all"] }, { rate: 0 }, { expiresAt: 1 }]) {
        expect(await codeOf(keys.addKey(context, { ...wish, name: "other", ...wrong }))).toBe("invalid");
      }
    },
    async listKeys() {
      const { context, clock } = rig();
      await keys.addKey(context, { name: "listed", scopes: ["rooms", "rooms"], expiresAt: null, rate: 7, allRate: 3 });
      expect((await keys.listKeys(context)).at(-1)).toEqual({
        ...{ id: expect.any(Number), name: "listed", scopes: ["rooms"], createdAt: clock.now() },
        ...{ expiresAt: null, lastUsedAt: null, rate: 7, recipientsRate: null, allRate: 3 },
      });
    },
    async revokeKey() {
      const { context, codeOf } = rig();
      const { id } = await keys.addKey(context, { name: "gone", scopes: ["feed"], expiresAt: null, rate: null });
      expect(await keys.revokeKey(context, "gone")).toEqual({ id });
      expect(await codeOf(keys.revokeKey(context, "gone"))).toBe("not_found");
    },
  },
  "server-api/people": {
    async putPerson() {
      const { context, codeOf } = rig();
      const made = await people.putPerson(context, KEY, { ref: "p1", name: "Pat" });
      const again = await people.putPerson(context, KEY, { ref: made.person.uid, avatar: "/p.png" });
      expect([made.created, again]).toEqual([true, { created: false, person: { ...made.person, avatar: "/p.png" } }]);
      expect(await codeOf(people.putPerson(context, KEY, { ref: 99 }))).toBe("not_found");
    },
    async getPerson() {
      const { context, codeOf, ann } = rig();
      expect(await people.getPerson(context, KEY, ann.uid)).toMatchObject({ name: "ann", externalId: null });
      expect(await codeOf(people.getPerson(context, KEY, "ann"))).toBe("not_found");
    },
    async deletePerson() {
      const { context, codeOf } = rig();
      const { person } = await people.putPerson(context, KEY, { ref: "p2" });
      await people.deletePerson(context, KEY, "p2");
      await people.deletePerson(context, KEY, "p2");
      expect(await codeOf(people.getPerson(context, KEY, person.uid))).toBe("not_found");
    },
    async makeToken() {
      const { context, clock } = rig();
      const { person } = await people.putPerson(context, KEY, { ref: "p3" });
      const { token, expiresAt } = await people.makeToken(context, KEY, { ref: "p3", ttlSeconds: 60 });
      expect(expiresAt).toBe(clock.now() + 60_000);
      expect(await context.logins.find(token)).toMatchObject({ uid: person.uid, expiresAt });
    },
    async endLogins() {
      const { context } = rig();
      await people.putPerson(context, KEY, { ref: "p4" });
      const { token } = await people.makeToken(context, KEY, { ref: "p4", ttlSeconds: 60 });
      await people.endLogins(context, KEY, "p4");
      expect(await context.logins.find(token)).toBeUndefined();
    },
  },
  "server-api/message": {
    async sendMessage() {
      const { context, codeOf } = rig();
      const { room } = await rooms.putRoom(context, KEY, { ref: "m1", changes: {} });
      const request = { room: "m1", clientId: "one", type: 1, body: { content: "hello" } };
      const first = await messages.sendMessage(context, KEY, request);
      const again = await messages.sendMessage(context, KEY, { ...request, room: room.id });
      expect([first.created, again]).toEqual([true, { ...first, created: false }]);
      expect(await codeOf(messages.sendMessage(context, KEY, { ...request, from: "nobody" }))).toBe("unknown_user");
    },
    async sendMessages() {
      const { context, ann } = rig();
      await rooms.putRoom(context, KEY, { ref: "m2", changes: {} });
      const request = { room: "m2", type: 1, body: { content: "hello" } };
      const results = await messages.sendMessages(context, KEY, [
        { ...request, clientId: "two" },
        { ...request, clientId: "three", from: ann.uid },
      ]);
      expect(results).toMatchObject([{ created: true }, { code: "not_member" }]);
    },
  },
  "server-api/event": {
    async pushEvent() {
      const { context, ann, codeOf } = rig();
      const request = { to: { users: [ann.uid] }, kind: "a", data: { b: 1 }, dedupeKey: "once", log: true };
      const [first, again] = [
        await events.pushEvent(context, KEY, { request, skipUnknown: false }),
        await events.pushEvent(context, KEY, { request, skipUnknown: false }),
      ];
      expect([first, again]).toEqual([
        { created: true, reply: { recipients: 1 } },
        { created: false, reply: { recipients: 1 } },
      ]);
      const other = { ...request, data: 2 };
      expect(await codeOf(events.pushEvent(context, KEY, { request: other, skipUnknown: false }))).toBe(
        "dedupe_key_reused",
      );
    },
    async forgetOldEvents() {
      const { context, ann } = rig();
      const request = { to: { users: [ann.uid] }, kind: "a", ttl: 60, dedupeKey: "forgotten", log: true };
      await events.pushEvent(context, KEY, { request, skipUnknown: false });
      const stored = () => context.db.selectFrom("custom_events").select("id").execute();
      const before = await stored();
      const place = { after: 0 };
      await events.forgetOldEvents({ ...context, isClockSettled: () => true }, place, { atMost: 1 });
      expect([await stored(), place]).toEqual([before, { after: 0 }]);
    },
  },
  "server-api/notification": {
    async notify() {
      const { context, ann, codeOf } = rig();
      const request = { to: { users: [ann.uid] }, kind: "a", title: "b", text: "" };
      const { reply, created } = await notices.notify(context, KEY, { request, skipUnknown: false });
      expect([reply.recipients, created]).toEqual([1, true]);
      const nobody = { ...request, to: { users: ["nobody"] } };
      expect(await codeOf(notices.notify(context, KEY, { request: nobody, skipUnknown: false }))).toBe("unknown_user");
    },
    async changeNotification() {
      const { context, ann, codeOf } = rig();
      const id = await notified(rig(), ann.uid);
      const changes = { title: "changed", done: true };
      expect(await notices.changeNotification(context, KEY, { id, changes })).toEqual({ id, recipients: 1 });
      const { items } = await own.listNotifications(context, ann, ALL);
      expect(items[0]).toMatchObject({ id, title: "changed", text: "text", done: true });
      expect(await codeOf(notices.changeNotification(context, KEY, { id: id + 99, changes }))).toBe("not_found");
    },
    async settleMatter() {
      const { context, ann } = rig();
      const id = await notified(rig(), ann.uid, "settled");
      await notices.settleMatter(context, KEY, { kind: "kind", key: "settled" });
      expect((await own.listNotifications(context, ann, ALL)).items[0]).toMatchObject({ id, done: true });
    },
    async takeMatterBack() {
      const { context, ann } = rig();
      const id = await notified(rig(), ann.uid, "taken");
      await notices.takeMatterBack(context, KEY, { kind: "kind", key: "taken" });
      expect((await own.listNotifications(context, ann, ALL)).items.map((one) => one.id)).not.toContain(id);
    },
  },
  "notifications/notification": {
    async listNotifications() {
      const { context, person } = rig();
      const lea = await person("lea notified");
      const ids = [await notified(rig(), lea.uid), await notified(rig(), lea.uid)];
      const page = await own.listNotifications(context, lea, { ...ALL, limit: 1 });
      expect(page).toMatchObject({ unseen: 2, unread: 2, nextCursor: String(ids[1]) });
      const rest = await own.listNotifications(context, lea, { ...ALL, before: ids[1] });
      expect([...page.items, ...rest.items].map(({ id }) => id)).toEqual(ids.reverse());
    },
    async seeNotifications() {
      const { context, person } = rig();
      const mia = await person("mia notified");
      const id = await notified(rig(), mia.uid);
      expect(await own.seeNotifications(context, mia, id)).toEqual({ unseen: 0, unread: 1 });
    },
    async readNotifications() {
      const { context, person } = rig();
      const noa = await person("noa notified");
      const [first, second] = [await notified(rig(), noa.uid), await notified(rig(), noa.uid)];
      expect(await own.readNotifications(context, noa, { ids: [second] })).toEqual({ unseen: 1, unread: 1 });
      expect(await own.readNotifications(context, noa, { upTo: first })).toEqual({ unseen: 0, unread: 0 });
    },
    async archiveNotifications() {
      const { context, person } = rig();
      const ole = await person("ole notified");
      const id = await notified(rig(), ole.uid);
      expect(await own.archiveNotifications(context, ole, [id, 1])).toEqual({ unseen: 0, unread: 0 });
      const archived = await own.listNotifications(context, ole, { ...ALL, state: "archived" });
      expect(archived.items.map((one) => one.id)).toEqual([id]);
    },
    async removeExpiredNotifications() {
      const { context, clock, person } = rig();
      const pia = await person("pia notified");
      const request = { to: { users: [pia.uid] }, kind: "kind", title: "title", text: "text", ttl: 1 };
      const { id } = (await notices.notify(context, KEY, { request, skipUnknown: false })).reply;
      clock.advance(1000);
      await own.removeExpiredNotifications({ ...context, isClockSettled: () => false }, { atMost: 100 });
      const kept = () => context.db.selectFrom("notifications").select("title").where("id", "=", id).execute();
      expect(await kept()).toEqual([{ title: "title" }]);
      await own.removeExpiredNotifications({ ...context, isClockSettled: () => true }, { atMost: 100 });
      expect(await kept()).toEqual([{ title: "" }]);
    },
  },
  "server-api/feed": {
    async readFeed() {
      const { context, storage, codeOf, person } = rig();
      const { db } = context;
      const feed = new Feed({ ...storage.outbox, db, reader: new LogReader(db) });
      const { signal } = new AbortController();
      const ask: FeedRequest = { cursor: undefined, limit: 9, waitMs: 0, signal, checkKey: async () => {} };
      const { heavyWork } = context;
      const { cursor } = await readFeed({ feed, heavyWork }, KEY, ask);
      await person("gil");
      const page = await readFeed({ feed, heavyWork }, KEY, { ...ask, cursor });
      expect(page.frames.map((text) => JSON.parse(text))).toMatchObject([
        { event: "user.created", data: { name: "gil" } },
      ]);
      expect(await codeOf(readFeed({ feed, heavyWork }, KEY, { ...ask, cursor: "x" }))).toBe("cursor_malformed");
    },
  },
  "server-api/presence": {
    async getPresence() {
      const { context, ann, codeOf } = rig();
      const asked = { users: [ann.uid, "nobody"], skipUnknown: true };
      expect(await presence.getPresence(context, KEY, asked)).toEqual({
        items: [{ uid: ann.uid, externalId: null, activeStatus: 2, lastOptTime: null }],
        ...{ onlineNum: 0, skipped: ["nobody"] },
      });
      expect(await codeOf(presence.getPresence(context, KEY, { ...asked, skipUnknown: false }))).toBe("unknown_user");
    },
  },
  "server-api/room": {
    async putRoom() {
      const { context, codeOf } = rig();
      const made = await rooms.putRoom(context, KEY, { ref: "r1", changes: { notice: "hello" } });
      const again = await rooms.putRoom(context, KEY, { ref: made.room.id, changes: { name: "Room 1" } });
      expect([made.created, again.created]).toEqual([true, false]);
      expect(again.room).toMatchObject({ externalId: "r1", name: "Room 1", notice: "hello" });
      expect(await codeOf(rooms.putRoom(context, KEY, { ref: 999, changes: {} }))).toBe("not_found");
    },
    async getRoom() {
      const { context, codeOf } = rig();
      expect(await rooms.getRoom(context, KEY, 1)).toMatchObject({ id: 1, externalId: null });
      expect(await codeOf(rooms.getRoom(context, KEY, "r9"))).toBe("not_found");
    },
    async deleteRoom() {
      const { context, codeOf } = rig();
      await rooms.putRoom(context, KEY, { ref: "r2", changes: {} });
      await rooms.deleteRoom(context, KEY, "r2");
      await rooms.deleteRoom(context, KEY, "r2");
      expect(await codeOf(rooms.getRoom(context, KEY, "r2"))).toBe("not_found");
    },
    async changeMembers() {
      const { context, ann } = rig();
      await rooms.putRoom(context, KEY, { ref: "r3", changes: {} });
      const change = { ref: "r3", add: [ann.uid], remove: [], skipUnknown: false };
      expect(await rooms.changeMembers(context, KEY, change)).toEqual({
        ...{ added: [ann.uid], removed: [], memberCount: 1, skipped: [] },
      });
    },
    async listMessages() {
      const { context } = rig();
      await rooms.putRoom(context, KEY, { ref: "r4", changes: {} });
      const query = { ref: "r4", cursor: undefined, after: undefined, limit: 5 };
      expect(JSON.parse(await rooms.listMessages(context, KEY, query))).toMatchObject({ items: [], nextCursor: null });
    },
  },
});
