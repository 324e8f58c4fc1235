import { afterEach, beforeEach, expect, test } from "bun:test";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { single } from "../db/procedures.ts";
import { ofServer } from "../db/share.ts";
import { deleteAccount } from "./accounts-writes.ts";
import { addUser } from "./admin-writes.ts";
import { isKnown, KNOWN_FOR_MS } from "./known-requesters.ts";
import { noteKnown, removeOldKnown } from "./known-requesters-writes.ts";

const ADA = 20_000;
const note = async (tx: Parameters<typeof noteKnown>[0], input: Parameters<typeof noteKnown>[1]) =>
  noteKnown(tx, input);

let scratch: Scratch;
beforeEach(async () => {
  scratch = await openScratch({ note: single(note, ofServer()) });
  await scratch.writes.run(addUser, { name: "Ada", passwordHash: "x", power: 0 });
});
afterEach(() => scratch.close());

const from = (uid: number, ip: string) => isKnown(scratch, uid, { ip, userAgent: "" });
const noted = (uid: number, ...marks: string[]) =>
  scratch.writes.run(
    note,
    marks.map((mark) => ({ uid, mark })),
  );

test("ID-44: an IPv6 address is known by its /64", async () => {
  await noted(ADA, "2001:db8:0:0::/64");
  expect(await from(ADA, "2001:db8::ffff:1")).toBe(true);
  expect(await from(ADA, "2001:db8:0:1::1")).toBe(false);
  expect(await from(ADA + 1, "2001:db8::1")).toBe(false);
});

test("ID-44: forty are kept of an account, those that were used last", async () => {
  for (let n = 0; n < 40; n++) {
    scratch.clock.advance(1);
    await noted(ADA, `10.0.0.${n}`);
  }
  scratch.clock.advance(1);
  await noted(ADA, "10.0.0.0");
  await noted(ADA + 1, "10.0.0.1");
  await noted(ADA, "10.0.1.0", "10.0.1.1");
  const rows = await scratch.db.selectFrom("known_requesters").select(["uid", "mark"]).execute();
  expect(rows.filter(({ uid }) => uid === ADA)).toHaveLength(40);
  for (const ip of ["10.0.0.0", "10.0.1.0", "10.0.1.1", "10.0.0.3"])
    expect([ip, await from(ADA, ip)]).toEqual([ip, true]);
  for (const ip of ["10.0.0.1", "10.0.0.2"]) expect([ip, await from(ADA, ip)]).toEqual([ip, false]);
  expect(await from(ADA + 1, "10.0.0.1")).toBe(true);
});

test("ID-44: what is older than 90 days is removed, a hundred at a time", async () => {
  for (let person = 0; person < 6; person++) {
    await noted(ADA + person, ...Array.from({ length: 20 }, (_, n) => `10.0.0.${n}`));
  }
  scratch.clock.advance(1);
  await noted(ADA, "10.0.9.9");
  const left = async () => (await scratch.db.selectFrom("known_requesters").select("mark").execute()).length;
  scratch.clock.advance(KNOWN_FOR_MS - 2);
  expect([await scratch.writes.run(removeOldKnown, undefined), await left()]).toEqual([false, 121]);
  scratch.clock.advance(1);
  expect([await scratch.writes.run(removeOldKnown, undefined), await left()]).toEqual([true, 21]);
  expect([await scratch.writes.run(removeOldKnown, undefined), await left()]).toEqual([false, 1]);
});

test("ID-15: nothing is kept of a deleted account", async () => {
  await noted(ADA, "10.0.0.1", "token 5");
  await noted(ADA + 1, "10.0.0.1");
  await scratch.writes.run(deleteAccount, { uid: ADA });
  expect(await scratch.db.selectFrom("known_requesters").select("uid").execute()).toEqual([{ uid: ADA + 1 }]);
});
