import { expect } from "bun:test";
import type { ServerKey } from "../src/http/server-key.ts";
import * as keys from "../src/keys/key-actions.ts";
import * as messages from "../src/server-api/message-actions.ts";
import * as people from "../src/server-api/people-actions.ts";
import * as presence from "../src/server-api/presence-actions.ts";
import * as rooms from "../src/server-api/room-actions.ts";
import type { Rig } from "./admin-action-cases.ts";

const KEY: ServerKey = { id: 1, name: "shop", scopes: new Set(), rate: null };

/** Of each action for the product's own backend. @param rig is called when a case runs: before, nothing is open */
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
      await keys.addKey(context, { name: "listed", scopes: ["rooms", "rooms"], expiresAt: null, rate: 7 });
      expect((await keys.listKeys(context)).at(-1)).toEqual({
        ...{ id: expect.any(Number), name: "listed", scopes: ["rooms"], createdAt: clock.now() },
        ...{ expiresAt: null, lastUsedAt: null, rate: 7 },
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
