import { afterAll, beforeAll, expect, test } from "bun:test";
import type { KyselyPlugin } from "kysely";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { openReader } from "../db/open.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { addKey, listKeys, revokeKey } from "./key-actions.ts";
import { newKey } from "./key-form.ts";
import { ServerKeys } from "./server-keys.ts";

let scratch: Scratch;
let keys: ServerKeys;
let statements = 0;
beforeAll(async () => {
  scratch = await openScratch();
  const { writes, clock, place } = scratch;
  const db = openReader(place, { log: () => void statements++ });
  keys = new ServerKeys({ db, writes, clock });
  scratch.listen((event) => keys.onEvent(event));
});
afterAll(() => scratch.close());

const add = (
  name: string,
  more: { expiresAt?: number; rate?: number; recipientsRate?: number; allRate?: number } = {},
) => addKey(scratch, { name, scopes: ["users", "rooms"], expiresAt: null, rate: null, ...more });
const lastUse = async (name: string) => (await listKeys(scratch)).find((key) => key.name === name)?.lastUsedAt;

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error instanceof ProblemError ? error.code : String(error);
  }
}

test("SRV-1: a key is ps_ and 256 random bits, and only its hash is stored", async () => {
  const { id, key } = await add("shop", { rate: 50, recipientsRate: 500, allRate: 5 });
  expect(key).toMatch(/^ps_[A-Za-z0-9_-]{43}$/);
  expect((await add("other")).key).not.toBe(key);
  const row = await scratch.db.selectFrom("server_keys").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  expect(row.key_hash).toBe(new Bun.CryptoHasher("sha256").update(key).digest("hex"));
  expect(JSON.stringify([row, scratch.events])).not.toContain(key.slice(3));
  expect(await keys.find(key)).toEqual({
    id,
    name: "shop",
    rate: 50,
    recipientsRate: 500,
    allRate: 5,
    scopes: new Set(["users", "rooms"]),
  });
});

test("SRV-1: there are at most 100 keys, and a revoked one makes room", async () => {
  const crowd = await openScratch();
  try {
    const make = (n: number) => addKey(crowd, { name: `k${n}`, scopes: ["feed"], expiresAt: null, rate: null });
    for (let n = 0; n < CAPS.serverKeys.count; n++) await make(n);
    expect(CAPS.serverKeys.count).toBe(100);
    expect(await codeOf(make(100))).toBe("too_many_keys");
    const { id } = await revokeKey(crowd, "k5");
    const { id: next } = await make(100);
    // An id is never reused, because messages of a key refer to it.
    expect(next).toBeGreaterThan(CAPS.serverKeys.count);
    expect(id).toBe(6);
  } finally {
    await crowd.close();
  }
});

test("SRV-5: a key is refused from its end and from its revocation's reply on", async () => {
  const now = scratch.clock.now();
  const brief = await add("brief", { expiresAt: now + 1000 });
  const gone = await add("gone");
  expect([await keys.find(brief.key), await keys.find(gone.key)]).toMatchObject([{ name: "brief" }, { name: "gone" }]);
  await revokeKey(scratch, "gone");
  expect(await keys.find(gone.key)).toBeUndefined();
  scratch.clock.advance(999);
  expect(await keys.find(brief.key)).toBeDefined();
  scratch.clock.advance(1);
  expect(await keys.find(brief.key)).toBeUndefined();
});

test("SRV-5: a revocation that is announced while the keys are read is not overlooked", async () => {
  const { key } = await add("racing");
  let afterReading: (() => Promise<unknown>) | undefined = () => revokeKey(scratch, "racing");
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      const happening = afterReading;
      afterReading = undefined;
      await happening?.();
      return result;
    },
  };
  const { db, writes, clock } = scratch;
  const late = new ServerKeys({ db: db.withPlugin(plugin), writes, clock });
  scratch.listen((event) => late.onEvent(event));
  expect(await late.find(key)).toBeUndefined();
  expect(afterReading).toBeUndefined();
});

test("a known key costs no statement, one that is not known costs one, and what cannot be a key none", async () => {
  const { key } = await add("cheap");
  await keys.find(key);
  const cost = async (secret: string) => {
    const before = statements;
    await keys.find(secret);
    return statements - before;
  };
  expect(await cost(key)).toBe(0);
  expect(await cost(newKey())).toBe(1);
  expect(await cost(key)).toBe(0);
  for (const secret of ["", "ps_short", key.slice(3), `${key}x`, key.replace("ps_", "pl_")]) {
    expect([await keys.find(secret), await cost(secret)]).toEqual([undefined, 0]);
  }
});

test("SRV-9: the last use is written at most once a minute", async () => {
  const { key } = await add("used");
  expect(await lastUse("used")).toBeNull();
  const first = scratch.clock.now();
  await keys.find(key);
  await keys.sweep();
  expect(await lastUse("used")).toBe(first);
  scratch.clock.advance(59_999);
  await keys.find(key);
  await keys.sweep();
  expect(await lastUse("used")).toBe(first);
  scratch.clock.advance(1);
  await keys.find(key);
  await keys.sweep();
  expect(await lastUse("used")).toBe(first + 60_000);
  const count = scratch.events.length;
  await keys.sweep();
  expect(scratch.events.length).toBe(count);
});
