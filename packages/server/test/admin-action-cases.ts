import { expect } from "bun:test";
import type { Context } from "../src/context.ts";
import type { Login } from "../src/http/login.ts";
import * as accounts from "../src/identity/account-actions.ts";
import * as admin from "../src/identity/admin-actions.ts";
import type { Requester } from "../src/identity/requester.ts";
import * as users from "../src/identity/user-actions.ts";
import type { ManualClock } from "../src/lib/clock.ts";
import * as rooms from "../src/rooms/room-actions.ts";
import type { Storage } from "../src/storage.ts";

/** A signed-in person, as actions see them. */
export interface Person extends Login {
  readonly loginId: number;
  readonly name: string;
  readonly token: string;
}

/** What the cases of `actions.test.ts` need. */
export interface Rig {
  readonly context: Context;
  readonly clock: ManualClock;
  readonly storage: Storage;
  readonly from: Requester;
  readonly password: string;
  readonly ann: Person;
  readonly person: (name: string) => Promise<Person>;
  readonly codeOf: (action: Promise<unknown>) => Promise<string | undefined>;
}

/** The cases for an operator's actions. @param rig is called when a case runs: before that, nothing is open */
export const adminCases = (rig: () => Rig): Record<string, () => Promise<void>> => ({
  async addAccount() {
    const { context, password, ann, codeOf } = rig();
    const { uid } = await admin.addAccount(context, { name: "root", password, power: 1 });
    expect(await users.getUser(context, ann, uid)).toMatchObject({ name: "root", power: 1 });
    const short = admin.addAccount(context, { name: "short", password: "x", power: 0 });
    expect(await codeOf(short)).toBe("invalid");
  },
  async setAccount() {
    const { context, ann, person } = rig();
    const dan = await person("dan");
    await admin.setAccount(context, { name: "dan", power: 1, password: "another password" });
    expect(await context.logins.find(dan.token)).toBeUndefined();
    expect(await users.getUser(context, ann, dan.uid)).toMatchObject({ power: 1 });
  },
  async disableAccount() {
    const { context, from, password, person, codeOf } = rig();
    const kay = await person("kay");
    expect(await admin.disableAccount(context, "KAY")).toEqual({ uid: kay.uid });
    expect(await codeOf(context.logins.find(kay.token))).toBe("account_disabled");
    expect(await codeOf(accounts.signIn(context, from, { name: "kay", password }))).toBe("account_disabled");
    expect(await codeOf(accounts.signIn(context, from, { name: "kay", password: "wrong" }))).toBe("unauthorized");
    expect(await codeOf(admin.disableAccount(context, "System"))).toBe("unknown_user");
  },
  async enableAccount() {
    const { context, person, codeOf } = rig();
    const lou = await person("lou");
    await admin.disableAccount(context, "lou");
    expect(await admin.enableAccount(context, "lou")).toEqual({ uid: lou.uid });
    expect(await context.logins.find(lou.token)).toMatchObject({ uid: lou.uid });
    expect(await codeOf(admin.enableAccount(context, "nobody"))).toBe("unknown_user");
  },
  async removeAccount() {
    const { context, person, codeOf } = rig();
    const moe = await person("moe");
    await rooms.createRoom(context, moe, { name: "moe's", memberIds: [], history: "all" });
    expect(await codeOf(admin.removeAccount(context, "moe"))).toBe("owner_cannot_leave");
    const ned = await person("ned");
    expect(await admin.removeAccount(context, "ned")).toEqual({ uid: ned.uid });
    expect(await context.logins.find(ned.token)).toBeUndefined();
    expect(await codeOf(admin.removeAccount(context, "System"))).toBe("unknown_user");
  },
  async listLoginsOf() {
    const { context, clock, from, password, person, codeOf } = rig();
    const oda = await person("oda");
    const phone = await accounts.signIn(context, from, { name: "oda", password });
    const listed = await admin.listLoginsOf(context, "oda");
    expect(listed.map(({ id }) => id)).toEqual([phone.loginId, oda.loginId]);
    expect(listed[0]).toMatchObject({ ...from, via: "password", createdAt: clock.now(), lastSeenAt: clock.now() });
    expect(await codeOf(admin.listLoginsOf(context, "nobody"))).toBe("unknown_user");
  },
  async listAccounts() {
    const { context, ann } = rig();
    const listed = await admin.listAccounts(context);
    expect(listed).toContainEqual({ uid: ann.uid, name: "ann", power: 0, disabled: false, externalId: null });
  },
});
