import { expect } from "bun:test";
import * as audit from "../src/admin/audit-actions.ts";
import * as keys from "../src/admin/key-admin-actions.ts";
import * as stats from "../src/admin/stats-actions.ts";
import * as bans from "../src/bans/ban-actions.ts";
import type { ManualClock } from "../src/lib/clock.ts";
import type { Rig } from "./admin-action-cases.ts";

const ADMIN = { uid: 19_999, loginId: 1, power: 1 as const, ip: "198.51.100.9" };
const PAGE = { before: undefined, limit: 10 };

/** Of each action of `src/admin/`. @param rig is called when a case runs: before, nothing is open */
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
  },
});
