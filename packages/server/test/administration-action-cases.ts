import { expect } from "bun:test";
import * as audit from "../src/admin/audit-actions.ts";
import * as connections from "../src/admin/connection-actions.ts";
import * as keys from "../src/admin/key-admin-actions.ts";
import { type LiveConnection, LiveConnections } from "../src/admin/live-connections.ts";
import * as people from "../src/admin/person-actions.ts";
import * as stats from "../src/admin/stats-actions.ts";
import * as bans from "../src/bans/ban-actions.ts";
import type { ManualClock } from "../src/lib/clock.ts";
import type { Rig } from "./admin-action-cases.ts";

const ADMIN = { uid: 19_999, loginId: 1, power: 1 as const, ip: "198.51.100.9" };
const PAGE = { before: undefined, limit: 10 };

const NOTHING = { close: () => false, counts: () => ({ websocket: 0, sse: 0, poll: 0 }) };

function connectionOf(uid: number, serial: number): LiveConnection {
  const from = { ip: "203.0.113.7", userAgent: "test", transport: "websocket" } as const;
  const times = { lastFrameAt: 1, since: 1 };
  return { id: `${serial}`, serial, uid, loginId: 1, state: "live", queuedBytes: 0, ...from, ...times };
}

/** The cases for the actions of `src/admin/`. @param rig is called when a case runs: before that, nothing is open */
export const administrationCases = (rig: () => Rig): Record<string, Record<string, () => Promise<void>>> => ({
  "bans/ban": {
    async banPerson() {
      const { context, person, codeOf } = rig();
      const admin = ADMIN;
      const qua = await person("qua");
      const ban = await bans.banPerson(context, admin, { uid: qua.uid, until: null, reason: "spam" });
      expect(ban).toMatchObject({ uid: qua.uid, until: null, reason: "spam", createdBy: admin.uid });
      expect(await codeOf(context.logins.find(qua.token))).toBe("banned");
      const own = bans.banPerson(context, { ...admin, uid: qua.uid }, { uid: qua.uid, until: null, reason: "" });
      expect(await codeOf(own)).toBe("own_account");
    },
    async unbanPerson() {
      const { context, person } = rig();
      const rob = await person("rob");
      await bans.banPerson(context, ADMIN, { uid: rob.uid, until: null, reason: "" });
      await bans.unbanPerson(context, ADMIN, rob.uid);
      expect(await context.logins.find(rob.token)).toMatchObject({ uid: rob.uid });
    },
    async banAddresses() {
      const { context, codeOf } = rig();
      const wish = { until: null, reason: "" };
      const ban = await bans.banAddresses(context, ADMIN, { ...wish, cidr: "203.0.113.9/24" });
      expect(ban).toMatchObject({ uid: null, cidr: "203.0.113.0/24" });
      const own = bans.banAddresses(context, ADMIN, { ...wish, cidr: ADMIN.ip });
      expect(await codeOf(own)).toBe("address_protected");
    },
    async unbanAddresses() {
      const { context, codeOf } = rig();
      await bans.unbanAddresses(context, ADMIN, "203.0.113.0/24");
      expect((await bans.listBans(context, PAGE)).items.filter(({ cidr }) => cidr !== null)).toEqual([]);
      expect(await codeOf(bans.unbanAddresses(context, ADMIN, "here"))).toBe("invalid");
    },
    async listBans() {
      const { context, person } = rig();
      const sue = await person("sue");
      await bans.banPerson(context, ADMIN, { uid: sue.uid, until: null, reason: "" });
      const { items } = await bans.listBans(context, PAGE);
      expect(items[0]).toMatchObject({ uid: sue.uid, name: "sue", cidr: null });
    },
    async endOverdueBans() {
      const { context, clock, person } = rig();
      const tia = await person("tia");
      await bans.banPerson(context, ADMIN, { uid: tia.uid, until: clock.now() + 1, reason: "" });
      await bans.endOverdueBans(context);
      expect((await bans.listBans(context, PAGE)).items[0]?.uid).toBe(tia.uid);
      (clock as ManualClock).advance(1);
      await bans.endOverdueBans(context);
      expect((await bans.listBans(context, PAGE)).items[0]?.uid).not.toBe(tia.uid);
    },
  },
  "admin/key-admin": {
    async makeKey() {
      const { context, codeOf } = rig();
      const wish = { name: "of-admin", scopes: ["feed"], expiresAt: null, rate: null };
      const { key } = await keys.makeKey(context, ADMIN, wish);
      expect(await context.serverKeys.find(key)).toMatchObject({ name: "of-admin", scopes: new Set(["feed"]) });
      expect(await codeOf(keys.makeKey(context, ADMIN, wish))).toBe("name_taken");
    },
    async endKey() {
      const { context, codeOf } = rig();
      const wish = { name: "to-end", scopes: ["feed"], expiresAt: null, rate: null };
      const { id } = await keys.makeKey(context, ADMIN, wish);
      await keys.endKey(context, ADMIN, id);
      expect(await codeOf(keys.endKey(context, ADMIN, id))).toBe("not_found");
    },
  },
  "admin/connection": {
    async listConnections() {
      const { context, ann, codeOf } = rig();
      const live = new LiveConnections();
      const asked = { uid: undefined, ip: undefined, transport: undefined, cursor: undefined, limit: 1 };
      const list = (more: object = {}) => connections.listConnections({ ...context, live }, { ...asked, ...more });
      expect(await list()).toEqual({ items: [], nextCursor: null, missingNodes: [] });
      live.attach({ connections: () => [1, 2].map((serial) => connectionOf(ann.uid, serial)), ...NOTHING });
      const { items, nextCursor } = await list();
      expect(items.map(({ id }) => id)).toEqual(["1"]);
      const next = await list({ cursor: nextCursor });
      expect(next.items.map(({ id }) => id)).toEqual(["2"]);
      for (const cursor of ["x", "websocket-1", "x-1-1-a"]) expect(await codeOf(list({ cursor }))).toBe("invalid");
    },
    async shownConnection() {
      const { serial: _, loginId: __, ...shown } = connectionOf(20_000, 1);
      const placed = { ...connectionOf(20_000, 1), node: "a", rooms: 7 };
      expect(connections.shownConnection(placed)).toEqual({ ...shown, node: "a", rooms: 7 });
    },
    async closeConnection() {
      const { context, ann, codeOf } = rig();
      const live = new LiveConnections();
      const closed: string[] = [];
      const close = (id: string, reason: string) => closed.push(`${id} ${reason}`) > 0;
      live.attach({ ...NOTHING, connections: () => [connectionOf(ann.uid, 1)], close });
      await connections.closeConnection({ ...context, live }, ADMIN, { id: "1", reason: "moving" });
      expect(closed).toEqual(["1 moving"]);
      const other = connections.closeConnection({ ...context, live }, ADMIN, { id: "2", reason: "" });
      expect(await codeOf(other)).toBe("not_found");
    },
  },
  "admin/person": {
    async lookAtPerson() {
      const { context, ann, codeOf } = rig();
      expect(await people.lookAtPerson(context, ADMIN, ann.uid)).toMatchObject({ uid: ann.uid, connections: [] });
      expect(await codeOf(people.lookAtPerson(context, ADMIN, 1))).toBe("not_found");
    },
  },
  "admin/audit": {
    async listActs() {
      const { context } = rig();
      await bans.banAddresses(context, ADMIN, { cidr: "203.0.113.9", until: null, reason: "noted" });
      const { items } = await audit.listActs(context, PAGE);
      expect(items[0]).toMatchObject({ uid: ADMIN.uid, ip: ADMIN.ip, act: "addresses.ban", target: "203.0.113.9/32" });
      await bans.unbanAddresses(context, ADMIN, "203.0.113.9");
    },
  },
  "admin/stats": {
    async getStats() {
      const { context, person } = rig();
      const before = await stats.getStats(context);
      await person("pia");
      expect(await stats.getStats(context)).toMatchObject({ onlineNum: 0, people: before.people + 1 });
    },
    async readSeries() {
      const { context } = rig();
      const asked = { name: "connections", from: undefined, to: undefined, step: undefined } as const;
      expect(await stats.readSeries(context, asked)).toEqual({
        name: "connections",
        stepSeconds: 10,
        points: [],
        missingNodes: [],
      });
    },
    async listNodes() {
      const { items, missingNodes } = await stats.listNodes(rig().context);
      expect(items).toMatchObject([{ connections: 0, onlineNum: 0, self: true }]);
      expect(missingNodes).toEqual([]);
    },
  },
});
