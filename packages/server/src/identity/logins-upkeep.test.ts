import { afterAll, beforeAll, expect, test } from "bun:test";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { single } from "../db/procedures.ts";
import { insertRows } from "../db/rows.ts";
import { ofServer } from "../db/share.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { addUser } from "./admin-writes.ts";
import { Logins } from "./logins.ts";
import { createLogin } from "./logins-writes.ts";
import { hashOf, newToken } from "./tokens.ts";

/** More logins than one write removes, two times over, and they have all expired. */
async function fill(tx: WriteTransaction, uid: number) {
  await insertRows(tx.db, "logins", {
    columns: ["uid", "token_hash", "created_at", "last_seen_at", "expires_at", "ip", "user_agent", "via"],
    values: Array.from({ length: 1200 }, (_, n) => [uid, `hash ${n}`, 1, 1, 2, "", "", "qr"]),
  });
}

let scratch: Scratch;
beforeAll(async () => {
  scratch = await openScratch({ fill: single(fill, ofServer()) });
});
afterAll(() => scratch.close());

test("ID-9: however many logins have expired, they are removed, 500 in a write", async () => {
  const { uid } = await scratch.writes.run(addUser, { name: "Ada", passwordHash: "x", power: 0 });
  await scratch.writes.run(fill, uid);
  const logins = new Logins(scratch);
  const left = async () => (await scratch.db.selectFrom("logins").select("id").execute()).length;
  await logins.sweep({ atMost: 1 });
  expect(await left()).toBe(700);
  await logins.sweep({ atMost: 1000 });
  expect(await left()).toBe(0);
  // As many of the tokens are remembered as for anybody.
  expect(await scratch.db.selectFrom("known_requesters").select("mark").execute()).toHaveLength(40);
});

test("ID-13: a use of a device is written by one sweep, and not again by the next", async () => {
  const { uid } = await scratch.writes.run(addUser, { name: "Bob", passwordHash: "x", power: 0 });
  const token = newToken();
  const login = { uid, tokenHash: hashOf(token), ip: "", userAgent: "", via: "password" as const };
  await scratch.writes.run(createLogin, login);
  const logins = new Logins(scratch);
  const seen = async () =>
    (await scratch.db.selectFrom("logins").select("last_seen_at").where("uid", "=", uid).execute())[0]?.last_seen_at;
  scratch.clock.advance(300_000);
  const usedAt = scratch.clock.now();
  await logins.find(token);
  for (const _ of [1, 2]) {
    await logins.sweep({ atMost: 1 });
    expect(await seen()).toBe(usedAt);
    scratch.clock.advance(60_000);
  }
});
