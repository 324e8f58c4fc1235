/**
 * Every action of the product without HTTP, on a real database and the writer's own thread: what another API, such as the
 * command line, gets when it calls the same functions.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { Message } from "@parley/protocol";
import { loadConfig } from "../src/config/config.ts";
import { type Context, createContext } from "../src/context.ts";
import * as accounts from "../src/identity/account-actions.ts";
import * as logins from "../src/identity/login-actions.ts";
import type { Granted } from "../src/identity/logins.ts";
import * as me from "../src/identity/me-actions.ts";
import * as qr from "../src/identity/qr-actions.ts";
import * as users from "../src/identity/user-actions.ts";
import { ManualClock } from "../src/lib/clock.ts";
import { ProblemError } from "../src/lib/problem.ts";
import * as messages from "../src/messages/message-actions.ts";
import { createLogger } from "../src/ops/logger.ts";
import { Metrics } from "../src/ops/metrics.ts";
import * as members from "../src/rooms/member-actions.ts";
import * as presence from "../src/rooms/presence-actions.ts";
import * as rooms from "../src/rooms/room-actions.ts";
import { openStorage, type Storage } from "../src/storage.ts";
import { adminCases, type Person } from "./admin-action-cases.ts";
import { administrationCases } from "./administration-action-cases.ts";
import { chatCases } from "./chat-action-cases.ts";
import { contactCases } from "./contact-action-cases.ts";
import { serverCases } from "./server-action-cases.ts";
import { temporaryData } from "./temporary-data.ts";
import { webhookCases } from "./webhook-action-cases.ts";

const PASSWORD = "a long password";
const FROM = { ip: "203.0.113.9", userAgent: "test" };

const clock = new ManualClock();
let data: Awaited<ReturnType<typeof temporaryData>>;
let storage: Storage;
let context: Context;
let ann: Person;
let ben: Person;

beforeAll(async () => {
  data = await temporaryData();
  const { config } = loadConfig({ ...data.env, RATE_LIMITS: "off" });
  const logger = createLogger({ level: "error", sink: process.stderr });
  const onWriterDeath = (error: Error) => {
    throw error;
  };
  storage = await openStorage({ config, clock, logger, metrics: new Metrics(), onWriterDeath, writer: { clock } });
  const { db, epoch, writes } = storage;
  context = createContext({ config, db, epoch, writes, clock });
  storage.listen((event) => context.logins.onEvent(event));
  storage.listen((event) => context.qrLogins.onEvent(event));
  ann = await person("ann");
  ben = await person("ben");
}, 30_000);
afterAll(async () => {
  await storage.close();
  await data.remove();
});
async function person(name: string): Promise<Person> {
  return personOf(await accounts.register(context, FROM, { name, password: PASSWORD }));
}
function personOf({ loginId, user, token }: Granted): Person {
  return { loginId, uid: user.uid, power: user.power, name: user.name, token };
}

const group = async (...others: Person[]) =>
  (await rooms.createRoom(context, ann, { name: "a group", memberIds: others.map(({ uid }) => uid), history: "all" }))
    .id;
let said = 0;
async function say(actor: Person, roomId: number, content: string): Promise<Message> {
  const request = { clientId: `said-${said++}`, type: 1 as const, body: { content } };
  return JSON.parse((await messages.sendMessage(context, actor, { roomId, request })).text) as Message;
}

const newCode = () => qr.createQrCode(context, { ...FROM, baseUrl: "http://localhost" });
async function scanned() {
  const code = await newCode();
  await qr.scanQrCode(context, ann, code.code);
  return code;
}
async function confirmed() {
  const code = await scanned();
  await qr.confirmQrCode(context, ann, code.code);
  return code;
}
/** The code with which an action is refused. `rejects` would block the loop, and with it what comes from the writer's thread. */
async function codeOf(action: Promise<unknown>): Promise<string | undefined> {
  try {
    await action;
    return undefined;
  } catch (error) {
    if (error instanceof ProblemError) return error.code;
    throw error;
  }
}
const page = { before: undefined, limit: 10 };

const rig = () => ({ context, storage, clock, from: FROM, password: PASSWORD, ann, person, codeOf });
/** By the file's name without `-actions.ts`, then by the action's. */
const CASES: Record<string, Record<string, () => Promise<void>>> = {
  "identity/account": {
    async register() {
      const cai = await person("cai");
      expect(await context.logins.find(cai.token)).toMatchObject({ uid: cai.uid, loginId: cai.loginId });
      expect(await codeOf(person("CAI"))).toBe("name_taken");
    },
    async signIn() {
      const granted = await accounts.signIn(context, FROM, { name: "ann", password: PASSWORD });
      expect(granted.user.uid).toBe(ann.uid);
      const wrong = accounts.signIn(context, FROM, { name: "ann", password: "another one" });
      expect(await codeOf(wrong)).toBe("unauthorized");
    },
  },
  "identity/admin": adminCases(rig),
  ...administrationCases(rig),
  ...serverCases(rig),
  ...webhookCases(rig),
  "identity/login": {
    async listLogins() {
      const { items } = await logins.listLogins(context, ben, page);
      expect(items.map(({ id, current, ip }) => ({ id, current, ip }))).toEqual([
        { id: ben.loginId, current: true, ip: FROM.ip },
      ]);
    },
    async refreshLogin() {
      const eve = await person("eve");
      const next = await logins.refreshLogin(context, eve, { presented: eve.token, keep: false });
      expect(next.loginId).toBe(eve.loginId);
      expect(await context.logins.find(next.token)).toMatchObject({ uid: eve.uid });
    },
    async revokeLogin() {
      const phone = await accounts.signIn(context, FROM, { name: "ben", password: PASSWORD });
      expect(await codeOf(logins.revokeLogin(context, ann, phone.loginId))).toBe("not_found");
      await logins.revokeLogin(context, ben, phone.loginId);
      expect(await context.logins.find(phone.token)).toBeUndefined();
      expect(await context.logins.find(ben.token)).toBeDefined();
    },
    async revokeCurrentLogin() {
      const phone = await accounts.signIn(context, FROM, { name: "ben", password: PASSWORD });
      const login = { ...ben, loginId: phone.loginId };
      await logins.revokeCurrentLogin(context, login);
      expect(await context.logins.find(phone.token)).toBeUndefined();
      expect(await codeOf(logins.revokeCurrentLogin(context, login))).toBe("unauthorized");
    },
    async forgetOldRequesters() {
      const { uid } = await person("pat");
      await logins.forgetOldRequesters({ ...context, isClockSettled: () => true }, { atMost: 1000 });
      const known = context.db.selectFrom("known_requesters").select(["mark", "seen_at"]).where("uid", "=", uid);
      expect(await known.execute()).toEqual([{ mark: FROM.ip, seen_at: clock.now() }]);
    },
    async revokeAllLogins() {
      const fay = await person("fay");
      const phone = await accounts.signIn(context, FROM, { name: "fay", password: PASSWORD });
      await logins.revokeAllLogins(context, fay);
      expect(await Promise.all([fay, phone].map(({ token }) => context.logins.find(token)))).toEqual([
        undefined,
        undefined,
      ]);
    },
  },
  "identity/me": {
    async getMe() {
      const mine = await me.getMe(context, ann);
      expect(mine).toMatchObject({ uid: ann.uid, name: "ann", asOf: expect.stringContaining(context.epoch) });
    },
    async changeProfile() {
      const gus = await person("gus");
      expect(await me.changeProfile(context, gus, { name: "Gustav" })).toMatchObject({ uid: gus.uid, name: "Gustav" });
      expect(await codeOf(me.changeProfile(context, gus, { name: "ANN" }))).toBe("name_taken");
    },
    async changePassword() {
      const jay = await person("jay");
      const change = { password: PASSWORD, newPassword: "another long one", endOtherLogins: true };
      expect(await codeOf(me.changePassword(context, jay, { ...change, password: "wrong" }))).toBe("password_wrong");
      expect(await codeOf(me.changePassword(context, jay, { ...change, newPassword: "sunshine" }))).toBe(
        "password_too_common",
      );
      const phone = await accounts.signIn(context, FROM, { name: "jay", password: PASSWORD });
      await me.changePassword(context, jay, change);
      expect(await context.logins.find(phone.token)).toBeUndefined();
      expect(await context.logins.find(jay.token)).toBeDefined();
      expect(await codeOf(accounts.signIn(context, FROM, { name: "jay", password: PASSWORD }))).toBe("unauthorized");
      await accounts.signIn(context, FROM, { name: "jay", password: "another long one" });
    },
    async deleteAccount() {
      const hal = await person("hal");
      expect(await codeOf(me.deleteAccount(context, hal, { password: undefined }))).toBe("password_wrong");
      expect(await codeOf(me.deleteAccount(context, hal, { password: "another one" }))).toBe("password_wrong");
      await me.deleteAccount(context, hal, { password: PASSWORD });
      expect(await context.logins.find(hal.token)).toBeUndefined();
      expect(await me.getMe(context, hal)).toMatchObject({ name: "Deleted user" });
    },
    async exportMe() {
      const ivy = await person("ivy");
      const room = await rooms.createRoom(context, ivy, { name: "diary", memberIds: [], history: "all" });
      await say(ivy, room.id, "dear diary");
      const exported = await me.exportMe(context, ivy, { after: undefined });
      expect(exported).toMatchObject({ account: { name: "ivy" }, rooms: [{ roomId: room.id }] });
      expect(exported.messages.items).toMatchObject([{ roomId: room.id, body: { content: "dear diary" } }]);
    },
  },
  "identity/qr": {
    async createQrCode() {
      const code = await newCode();
      expect(code.expiresAt).toBe(clock.now() + 60_000);
      expect(await qr.pollQrCode(context, { ...code, waitMs: 0 })).toEqual({ state: "pending" });
    },
    async pollQrCode() {
      const code = await newCode();
      const waiting = qr.pollQrCode(context, { ...code, waitMs: 5000 });
      await qr.scanQrCode(context, ann, code.code);
      expect(await waiting).toEqual({ state: "scanned" });
      await qr.confirmQrCode(context, ann, code.code);
      const { state, granted } = await qr.pollQrCode(context, { ...code, waitMs: 0 });
      expect({ state, uid: granted?.user.uid }).toEqual({ state: "confirmed", uid: ann.uid });
    },
    async scanQrCode() {
      const code = await newCode();
      expect(await qr.scanQrCode(context, ann, code.code)).toEqual({ ...FROM, requestedAt: clock.now() });
      expect(await codeOf(qr.scanQrCode(context, ben, code.code))).toBe("qr_taken");
    },
    async confirmQrCode() {
      const unscanned = await newCode();
      expect(await codeOf(qr.confirmQrCode(context, ann, unscanned.code))).toBe("qr_state");
      const code = await confirmed();
      expect((await qr.pollQrCode(context, { ...code, waitMs: 0 })).granted?.user.uid).toBe(ann.uid);
    },
    async rejectQrCode() {
      const code = await scanned();
      await qr.rejectQrCode(context, ann, code.code);
      expect(await qr.pollQrCode(context, { ...code, waitMs: 0 })).toEqual({ state: "rejected" });
    },
    async collectQrLogin() {
      const code = await confirmed();
      expect(await qr.collectQrLogin(context, { ...code, secret: "wrong" })).toBeUndefined();
      const granted = await qr.collectQrLogin(context, code);
      expect(await context.logins.find(granted?.token ?? "")).toMatchObject({ uid: ann.uid });
      expect(await qr.collectQrLogin(context, code)).toBeUndefined();
    },
    async discardQrLogin() {
      const granted = await qr.collectQrLogin(context, await confirmed());
      if (!granted) throw new Error("the login was not collected");
      await qr.discardQrLogin(context, granted);
      expect(await context.logins.find(granted.token)).toBeUndefined();
    },
    async removeExpiredQrCodes() {
      const code = await newCode();
      clock.advance(60_000 + 600_000 + 1);
      await qr.removeExpiredQrCodes(context, { atMost: 1 });
      expect(await codeOf(qr.pollQrCode(context, { ...code, waitMs: 0 }))).toBe("not_found");
    },
  },
  "identity/user": {
    async getUser() {
      expect(await users.getUser(context, ann, ben.uid)).toMatchObject({ name: "ben" });
      expect(await codeOf(users.getUser(context, ann, 5))).toBe("not_found");
    },
    async listUsers() {
      const found = await users.listUsers(context, ann, [ben.uid, 5, ann.uid, ben.uid]);
      expect(found.map(({ uid }) => uid)).toEqual([ben.uid, ann.uid]);
    },
    async findUsersByName() {
      const { items } = await users.findUsersByName(context, ann, { prefix: "BEN", after: undefined, limit: 5 });
      expect(items.map(({ uid }) => uid)).toEqual([ben.uid]);
    },
  },
  "rooms/room": {
    async listRooms() {
      const joe = await person("joe");
      const room = await rooms.createRoom(context, joe, { name: "mine", memberIds: [], history: "all" });
      await say(joe, room.id, "first");
      const { items } = await rooms.listRooms(context, joe, page);
      expect(items).toContainEqual(expect.objectContaining({ id: room.id, name: "mine", unread: 0 }));
    },
    async getRoom() {
      const id = await group();
      expect(await rooms.getRoom(context, ann, id)).toMatchObject({ id, ownerId: ann.uid, role: 1 });
      expect(await codeOf(rooms.getRoom(context, ben, id))).toBe("not_found");
      expect(await codeOf(rooms.getRoom(context, undefined, id))).toBe("unauthorized");
    },
    async createRoom() {
      const room = await rooms.createRoom(context, ann, { name: null, memberIds: [ben.uid], history: "joined" });
      expect(room).toMatchObject({ name: "ann, ben", memberCount: 2, history: "joined" });
    },
    async openDirect() {
      const kim = await person("kim");
      const first = await rooms.openDirect(context, ann, kim.uid);
      const again = await rooms.openDirect(context, kim, ann.uid);
      expect([first.created, again.created]).toEqual([true, false]);
      expect(again.room).toMatchObject({ id: first.room.id, name: "ann", userId: ann.uid });
    },
    async changeRoom() {
      const roomId = await group(ben);
      const changes = { name: "renamed", muteAll: true };
      expect(await rooms.changeRoom(context, ann, { roomId, changes })).toMatchObject(changes);
      expect(await codeOf(rooms.changeRoom(context, ben, { roomId, changes }))).toBe("forbidden");
    },
    async dissolveRoom() {
      const roomId = await group(ben);
      expect(await codeOf(rooms.dissolveRoom(context, ben, roomId))).toBe("forbidden");
      await rooms.dissolveRoom(context, ann, roomId);
      expect((await rooms.getRoom(context, ben, roomId)).dissolvedAt).toBe(clock.now());
    },
  },
  "rooms/presence": {
    async getPresence() {
      expect(await presence.getPresence(context, ben, [ben.uid])).toMatchObject({ items: [{ activeStatus: 2 }] });
    },
  },
  "rooms/member": {
    async listMembers() {
      const roomId = await group(ben);
      const { items } = await members.listMembers(context, ben, { roomId, after: undefined, limit: 5 });
      expect(items.map(({ uid, role, joinedAt }) => ({ uid, role, joinedAt }))).toEqual([
        { uid: ann.uid, role: 1, joinedAt: clock.now() },
        { uid: ben.uid, role: 3, joinedAt: clock.now() },
      ]);
    },
    async addMembers() {
      const roomId = await group();
      const added = await members.addMembers(context, ann, { roomId, memberIds: [ann.uid, ben.uid] });
      expect(added).toEqual({ added: [ben.uid], memberCount: 2 });
    },
    async removeMember() {
      const roomId = await group(ben);
      expect(await codeOf(members.removeMember(context, ben, { roomId, uid: ann.uid }))).toBe("forbidden");
      await members.removeMember(context, ben, { roomId, uid: ben.uid });
      expect(await codeOf(say(ben, roomId, "gone"))).toBe("forbidden");
    },
    async changeRole() {
      const roomId = await group(ben);
      await members.changeRole(context, ann, { roomId, uid: ben.uid, role: 2 });
      expect((await rooms.getRoom(context, ben, roomId)).role).toBe(2);
    },
    async changeOwner() {
      const roomId = await group(ben);
      await members.changeOwner(context, ann, { roomId, uid: ben.uid });
      expect(await rooms.getRoom(context, ann, roomId)).toMatchObject({ ownerId: ben.uid, role: 3 });
    },
  },
  "messages/message": {
    async sendMessage() {
      const roomId = await group();
      const request = { clientId: "once", type: 1 as const, body: { content: "hello" } };
      const first = await messages.sendMessage(context, ann, { roomId, request });
      const again = await messages.sendMessage(context, ann, { roomId, request });
      expect([first.created, again.created]).toEqual([true, false]);
      expect(again.text).toBe(first.text);
      expect((JSON.parse(first.text) as Message).message.sendTime).toBe(clock.now());
      expect(await codeOf(say(ben, roomId, "may I?"))).toBe("not_found");
    },
    async recallMessage() {
      const { message } = await say(ann, await group(), "oops");
      const now = JSON.parse(await messages.recallMessage(context, ann, message.id)) as Message;
      expect(now.message.body).toBe("The sender recalled this message");
      const { message: late } = await say(ann, message.roomId, "too late");
      clock.advance(120_001);
      expect(await codeOf(messages.recallMessage(context, ann, late.id))).toBe("recall_too_late");
    },
    async listMessages() {
      const roomId = await group();
      for (const content of ["one", "two", "three"]) await say(ann, roomId, content);
      const query = { roomId, cursor: undefined, after: undefined, limit: 2 };
      const { items } = JSON.parse(await messages.listMessages(context, ann, query)) as { items: Message[] };
      expect(items.map(({ message }) => message.body)).toMatchObject([{ content: "two" }, { content: "three" }]);
    },
    async getMessage() {
      const { message } = await say(ann, await group(), "here");
      expect(JSON.parse(await messages.getMessage(context, ann, message.id))).toMatchObject({ message });
      expect(await codeOf(messages.getMessage(context, ben, message.id))).toBe("not_found");
      expect(await codeOf(messages.getMessage(context, undefined, message.id))).toBe("unauthorized");
    },
  },
  ...contactCases(rig),
  ...chatCases(() => ({ context, ann, ben, person, group, say, codeOf })),
};

test("every action has a case", async () => {
  const src = join(import.meta.dir, "../src");
  const actions: string[] = [];
  for await (const path of new Bun.Glob("*/*-actions.ts").scan({ cwd: src })) {
    const area = path.replace("-actions.ts", "");
    const exported = (await import(join(src, path))) as Record<string, unknown>;
    for (const [name, value] of Object.entries(exported)) {
      if (typeof value === "function") actions.push(`${area} ${name}`);
    }
  }
  const cases = Object.entries(CASES).flatMap(([area, all]) => Object.keys(all).map((name) => `${area} ${name}`));
  expect(cases.sort()).toEqual(actions.sort());
});

for (const [area, cases] of Object.entries(CASES)) {
  for (const [name, run] of Object.entries(cases)) test(`${area}: ${name}`, run);
}
