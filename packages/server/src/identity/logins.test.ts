import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { CompiledQuery } from "kysely";
import { plansOf } from "../../test/query-plans.ts";
import { openScratch } from "../../test/scratch-database.ts";
import { openWrites } from "../db/open.ts";
import { single } from "../db/procedures.ts";
import { ofServer } from "../db/share.ts";
import type { LoggedEvent, WriteTransaction } from "../db/transaction.ts";
import { createRates } from "../limits/rates.ts";
import { createAccount } from "./accounts-writes.ts";
import { INTERNAL_STREAM, Internal } from "./internal-events.ts";
import * as actions from "./login-actions.ts";
import { Logins } from "./logins.ts";
import { removeExpiredLogins } from "./logins-upkeep.ts";
import { createLogin, revokeLogin } from "./logins-writes.ts";
import { changeProfile } from "./profile-writes.ts";
import { hashOf, newToken } from "./tokens.ts";

const MINUTE = 60_000;
/** How long a login lives, and how many one account has. */
const LIFETIME_MS = 2_592_000_000;
const LOGINS_MAX = 100;

const refreshLogin = (at: Awaited<ReturnType<typeof open>>, token: string) =>
  actions.refreshLogin(at, { uid: 0, loginId: 0 }, { presented: token, keep: false });
async function open(cacheMax?: number) {
  const scratch = await openScratch();
  const { clock } = scratch;
  let reads = 0;
  const db = scratch.db.withPlugin({
    transformQuery: ({ node }) => node,
    // Here, since a prepared query is built once.
    transformResult: async ({ result }) => {
      reads += 1;
      await at.hold?.();
      return result;
    },
  });
  const logins = new Logins({ db, writes: scratch.writes, clock, ...(cacheMax === undefined ? {} : { cacheMax }) });
  scratch.listen((event) => logins.onEvent(event));
  const device = { ip: "203.0.113.9", userAgent: "test" };
  const at = {
    ...scratch,
    clock,
    logins,
    rates: createRates({ enabled: false, signInsOverall: 600 }),
    /** Awaited between a read of `logins` and what it does with the result. */
    hold: undefined as (() => Promise<void>) | undefined,
    reads: () => reads,
    async register(name: string) {
      const token = newToken();
      const input = { name, passwordHash: "none", tokenHash: hashOf(token), ...device };
      return { token, ...(await scratch.writes.run(createAccount, input)) };
    },
    async signIn(uid: number) {
      const token = newToken();
      const input = { uid, tokenHash: hashOf(token), ...device, via: "password" as const };
      return { token, ...(await scratch.writes.run(createLogin, input)) };
    },
  };
  return at;
}

describe("finding a login", () => {
  let at: Awaited<ReturnType<typeof open>>;
  beforeEach(async () => {
    at = await open();
  });
  afterEach(() => at.close());

  test("says who it is, and asks the database once a minute at most", async () => {
    const { token, user, loginId, expiresAt } = await at.register("Ada");
    const found = { loginId, uid: user.uid, power: 0, name: "Ada", avatar: "", expiresAt, canProlong: true } as const;
    for (let round = 0; round < 5; round++) expect(await at.logins.find(token)).toEqual(found);
    expect(at.reads()).toBe(1);
    at.clock.advance(MINUTE);
    expect(await at.logins.find(token)).toEqual(found);
    expect(at.reads()).toBe(2);
  });

  test("does not remember that a token was unknown", async () => {
    const token = newToken();
    expect(await at.logins.find(token)).toBeUndefined();
    const { user } = await at.register("Ada");
    const input = { uid: user.uid, tokenHash: hashOf(token), ip: "", userAgent: "", via: "qr" as const };
    await at.writes.run(createLogin, input);
    expect((await at.logins.find(token))?.uid).toBe(user.uid);
  });

  test("does not ask for what cannot be a token", async () => {
    for (const text of ["", "pl_", "x".repeat(500), `ps_${"a".repeat(43)}`]) {
      expect(await at.logins.find(text)).toBeUndefined();
    }
    expect(at.reads()).toBe(0);
  });

  test("ID-10: forgets a revoked login at once, and only that", async () => {
    const { token, user, loginId } = await at.register("Ada");
    const other = await at.signIn(user.uid);
    await at.logins.find(token);
    await at.logins.find(other.token);
    await at.writes.run(revokeLogin, { uid: user.uid, loginId });
    expect(await at.logins.find(token)).toBeUndefined();
    const reads = at.reads();
    expect((await at.logins.find(other.token))?.loginId).toBe(other.loginId);
    expect(at.reads()).toBe(reads);
    expect(at.events.slice(1).map(({ type, data }) => [type, JSON.parse(data)])).toEqual([
      [Internal.LOGINS_REVOKED, { loginIds: [loginId] }],
    ]);
  });

  test("ID-10: neither gives nor remembers what a revocation overtook while it was read", async () => {
    const { token, user, loginId } = await at.register("Ada");
    const read = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    at.hold = async () => {
      at.hold = undefined;
      read.resolve();
      await gate.promise;
    };
    const finding = at.logins.find(token);
    await read.promise;
    await at.writes.run(revokeLogin, { uid: user.uid, loginId });
    gate.resolve();
    expect(await finding).toBeUndefined();
    expect(await at.logins.find(token)).toBeUndefined();
  });

  const changeOf = (type: number, data: unknown): LoggedEvent => ({
    ...{ pos: 1, stream: INTERNAL_STREAM, seq: 1, type, messageId: null, data: JSON.stringify(data) },
    ...{ storesData: true, author: null, cacheable: true, at: 1 },
  });

  test("a flood of changes of others, while a login is read, has nothing read again", async () => {
    const { token, loginId, user } = await at.register("Ada");
    at.hold = async () => {
      for (let n = 1; n <= 1000; n++) {
        at.logins.onEvent(changeOf(Internal.LOGINS_REVOKED, { loginIds: [loginId + n, loginId + 1000 + n] }));
        at.logins.onEvent(changeOf(Internal.USER_CHANGED, { uid: user.uid + n }));
        at.logins.forget(loginId + n);
      }
    };
    expect((await at.logins.find(token))?.loginId).toBe(loginId);
    expect(at.reads()).toBe(1);
    expect(await at.logins.find(newToken())).toBeUndefined();
    expect(at.reads()).toBe(2);
    // What was read was remembered.
    expect((await at.logins.find(token))?.loginId).toBe(loginId);
    expect(at.reads()).toBe(2);
  });

  test.each<[string, (logins: Logins, made: { loginId: number; user: { uid: number } }) => void]>([
    ["a login", (logins, { loginId }) => logins.onEvent(changeOf(Internal.LOGINS_REVOKED, { loginIds: [7, loginId] }))],
    ["a login's token", (logins, { loginId }) => logins.forget(loginId)],
    ["its user", (logins, { user }) => logins.onEvent(changeOf(Internal.USER_CHANGED, { uid: user.uid }))],
  ])(
    "of %s that changes at each read five reads are made, and then the caller is told to come back",
    async (_, change) => {
      const ada = await at.register("Ada");
      const ben = await at.register("Ben");
      at.hold = async () => change(at.logins, ada);
      await expect(at.logins.find(ada.token)).rejects.toMatchObject({ code: "overloaded", retryAfterMs: 1000 });
      expect(at.reads()).toBe(5);
      expect((await at.logins.find(ben.token))?.loginId).toBe(ben.loginId);
      expect(at.reads()).toBe(6);
      let once = true;
      at.hold = async () => {
        if (once) change(at.logins, ada);
        once = false;
      };
      expect((await at.logins.find(ada.token))?.loginId).toBe(ada.loginId);
      expect(at.reads()).toBe(8);
    },
  );

  test("knows a new name at once", async () => {
    const { token, user } = await at.register("Ada");
    await at.logins.find(token);
    await at.writes.run(changeProfile, { uid: user.uid, name: "Grace" });
    expect((await at.logins.find(token))?.name).toBe("Grace");
  });

  test("ID-14: knows a new name at once also where the token before a refresh has just ended", async () => {
    const first = await at.register("Ada");
    const next = await refreshLogin(at, first.token);
    at.clock.advance(5 * MINUTE - 1);
    for (const token of [first.token, next.token]) expect(await at.logins.find(token)).toBeDefined();
    at.clock.advance(1);
    expect(await at.logins.find(first.token)).toBeUndefined();
    await at.writes.run(changeProfile, { uid: first.user.uid, name: "Grace" });
    expect((await at.logins.find(next.token))?.name).toBe("Grace");
  });

  test("ID-9: ends with its 30 days, also from memory", async () => {
    const { token } = await at.register("Ada");
    at.clock.advance(LIFETIME_MS - 1);
    expect(await at.logins.find(token)).toBeDefined();
    at.clock.advance(1);
    expect(await at.logins.find(token)).toBeUndefined();
  });

  test("remembers a bounded number", async () => {
    const small = await open(3);
    const { user } = await small.register("Ada");
    const tokens: string[] = [];
    for (let i = 0; i < 4; i++) tokens.push((await small.signIn(user.uid)).token);
    for (const token of tokens) await small.logins.find(token);
    expect(small.reads()).toBe(4);
    await small.logins.find(tokens[3] as string);
    expect(small.reads()).toBe(4);
    await small.logins.find(tokens[0] as string);
    expect(small.reads()).toBe(5);
    await small.close();
  });

  test("uses the indexes", async () => {
    const text = "select * from logins where token_hash = 'a' or previous_hash = 'a'";
    const [plan] = await plansOf(at.place, [CompiledQuery.raw(text)]);
    expect(plan?.steps.map(({ by }) => by).toSorted()).toEqual([["previous_hash"], ["token_hash"]]);
  });
});

describe("a refresh", () => {
  let at: Awaited<ReturnType<typeof open>>;
  beforeEach(async () => {
    at = await open();
  });
  afterEach(() => at.close());

  test("ID-9, ID-11: gives the same login a new token and 30 days", async () => {
    const first = await at.register("Ada");
    at.clock.advance(MINUTE);
    const next = await refreshLogin(at, first.token);
    expect(next).toMatchObject({
      loginId: first.loginId,
      user: first.user,
      expiresAt: at.clock.now() + LIFETIME_MS,
    });
    expect(next.token).not.toBe(first.token);
    expect((await at.logins.find(next.token))?.loginId).toBe(first.loginId);
    at.clock.advance(LIFETIME_MS - 1);
    expect((await at.logins.find(next.token))?.loginId).toBe(first.loginId);
    at.clock.advance(1);
    expect(await at.logins.find(next.token)).toBeUndefined();
  });

  test("ID-11, ID-12: counts as a use of the login", async () => {
    const first = await at.register("Ada");
    at.clock.advance(MINUTE);
    await refreshLogin(at, first.token);
    const row = await at.db.selectFrom("logins").select("last_seen_at").executeTakeFirst();
    expect(row?.last_seen_at).toBe(at.clock.now());
  });

  test("ID-11: does not leave the token of a lost reply remembered by who read it meanwhile", async () => {
    const first = await at.register("Ada");
    const lost = await refreshLogin(at, first.token);
    at.hold = async () => {
      at.hold = undefined;
      await refreshLogin(at, first.token);
    };
    expect(await at.logins.find(lost.token)).toBeUndefined();
    expect(await at.logins.find(lost.token)).toBeUndefined();
  });

  test("ID-11: leaves the previous token five minutes, also where it was remembered", async () => {
    const first = await at.register("Ada");
    await at.logins.find(first.token);
    const next = await refreshLogin(at, first.token);
    at.clock.advance(5 * MINUTE - 1);
    expect((await at.logins.find(first.token))?.loginId).toBe(first.loginId);
    at.clock.advance(1);
    expect(await at.logins.find(first.token)).toBeUndefined();
    expect(await at.logins.find(next.token)).toBeDefined();
  });

  test("ID-11: ends the token of a lost reply at once, also where it was remembered", async () => {
    const first = await at.register("Ada");
    const lost = await refreshLogin(at, first.token);
    expect(await at.logins.find(lost.token)).toBeDefined();
    await refreshLogin(at, first.token);
    expect(await at.logins.find(lost.token)).toBeUndefined();
  });

  test("ID-11: whose reply was lost is asked again with the old token, more than once", async () => {
    const first = await at.register("Ada");
    const lost = await refreshLogin(at, first.token);
    await at.logins.find(lost.token);
    // The five minutes count from the first time.
    at.clock.advance(4 * MINUTE);
    const alsoLost = await refreshLogin(at, first.token);
    const third = await refreshLogin(at, first.token);
    expect(await at.logins.find(lost.token)).toBeUndefined();
    expect(await at.logins.find(alsoLost.token)).toBeUndefined();
    expect((await at.logins.find(third.token))?.loginId).toBe(first.loginId);
    at.clock.advance(MINUTE);
    await expect(refreshLogin(at, first.token)).rejects.toMatchObject({ code: "unauthorized" });
    expect(await at.db.selectFrom("logins").select("id").execute()).toHaveLength(1);
  });

  test("ID-11: at the same moment from two tabs leaves one token that holds on", async () => {
    const first = await at.register("Ada");
    const both = await Promise.all([refreshLogin(at, first.token), refreshLogin(at, first.token)]);
    at.clock.advance(6 * MINUTE);
    const found = await Promise.all(both.map(({ token }) => at.logins.find(token)));
    expect(found.filter((one) => one !== undefined)).toHaveLength(1);
  });

  test("ID-11: of a revoked, unknown or expired token is refused", async () => {
    const first = await at.register("Ada");
    const gone = await at.signIn(first.user.uid);
    await at.writes.run(revokeLogin, { uid: first.user.uid, loginId: gone.loginId });
    await expect(refreshLogin(at, gone.token)).rejects.toMatchObject({ code: "unauthorized" });
    await expect(refreshLogin(at, newToken())).rejects.toMatchObject({ code: "unauthorized" });
    at.clock.advance(LIFETIME_MS);
    await expect(refreshLogin(at, first.token)).rejects.toMatchObject({ code: "unauthorized" });
  });
});

describe("upkeep", () => {
  let at: Awaited<ReturnType<typeof open>>;
  beforeEach(async () => {
    at = await open();
  });
  afterEach(() => at.close());

  const seenAt = async (uid: number) =>
    (await at.db.selectFrom("logins").select("last_seen_at").where("uid", "=", uid).execute()).map(
      (row) => row.last_seen_at,
    );

  test("writes the last use once in five minutes, not on the way of the request", async () => {
    const { token, user } = await at.register("Ada");
    const start = at.clock.now();
    at.clock.advance(4 * MINUTE);
    await at.logins.find(token);
    await at.logins.sweep({ atMost: 1 });
    expect(await seenAt(user.uid)).toEqual([start]);
    at.clock.advance(MINUTE);
    await at.logins.find(token);
    expect(await seenAt(user.uid)).toEqual([start]);
    await at.logins.sweep({ atMost: 1 });
    expect(await seenAt(user.uid)).toEqual([start + 5 * MINUTE]);
    const row = await at.db.selectFrom("users").select("last_seen_at").where("uid", "=", user.uid).executeTakeFirst();
    expect(row?.last_seen_at).toBe(start + 5 * MINUTE);
  });

  test("removes expired logins and closes their connections", async () => {
    const old = await at.register("Ada");
    at.clock.advance(MINUTE);
    const young = await at.signIn(old.user.uid);
    at.clock.advance(LIFETIME_MS - MINUTE);
    await at.logins.sweep({ atMost: 1 });
    const left = await at.db.selectFrom("logins").select("id").execute();
    expect(left).toEqual([{ id: young.loginId }]);
    expect(at.events.slice(1).map(({ type, data }) => [type, data])).toEqual([
      [Internal.LOGINS_REVOKED, `{"loginIds":[${old.loginId}]}`],
    ]);
  });

  test("leaves a login that was refreshed after it was found expired", async () => {
    const { token, loginId } = await at.register("Ada");
    await at.writes.run(removeExpiredLogins, { loginIds: [loginId] });
    expect(await at.logins.find(token)).toBeDefined();
    expect(at.events.map(({ type }) => type)).toEqual([Internal.PERSON_MADE]);
  });

  test("finds expired logins behind many that are not", async () => {
    const ada = await at.register("Ada");
    const values = Array.from({ length: 1200 }, (_, index) => ({
      ...{ uid: ada.user.uid, token_hash: `h${index}`, previous_hash: null, previous_until: null },
      ...{ created_at: 0, last_seen_at: 0, ip: "", user_agent: "", via: "qr" as const },
      expires_at: index === 1150 ? 1 : Number.MAX_SAFE_INTEGER,
    }));
    async function fill(tx: WriteTransaction) {
      for (let from = 0; from < values.length; from += 100)
        await tx.db
          .insertInto("logins")
          .values(values.slice(from, from + 100))
          .execute();
    }
    const writer = openWrites(at.place, { table: { fill: single(fill, ofServer()) }, clock: at.clock });
    await writer.run(fill, undefined);
    await writer.close();
    await at.logins.sweep({ atMost: 1 });
    expect(at.events.map(({ type }) => type)).toEqual([Internal.PERSON_MADE, Internal.LOGINS_REVOKED]);
    await at.logins.sweep({ atMost: 1 });
    expect(at.events).toHaveLength(2);
  });

  test("ID-12: keeps 100 devices of one account: the one not seen for longest goes", async () => {
    const first = await at.register("Ada");
    at.clock.advance(1);
    for (let more = 1; more < LOGINS_MAX; more++) await at.signIn(first.user.uid);
    expect(await at.logins.find(first.token)).toBeDefined();
    await at.signIn(first.user.uid);
    expect(await at.logins.find(first.token)).toBeUndefined();
    expect(await at.db.selectFrom("logins").select("id").execute()).toHaveLength(LOGINS_MAX);
  });
});
