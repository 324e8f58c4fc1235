import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp, PASSWORD } from "../../test/identity-app.ts";
import { single } from "../db/procedures.ts";
import { ofServer } from "../db/share.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { nameLooks } from "./names.ts";

const alike = (a: string, b: string) => nameLooks(a).some((look) => nameLooks(b).includes(look));

describe("ID-4: names that look alike", () => {
  test.each([
    ["Ada", "\u0410d\u0430"],
    ["Paul", "PauI"],
    ["admin", "ADMlN"],
    ["Admin", "\u0410dmin"],
    ["b0b", "BOB"],
    ["modem", "modern"],
    ["Root", "ro\u043et"],
    ["Zo\u00eb", "Z\u043e\u00eb"],
    ["System", "Syst\u0435m"],
  ])("%s and %s", (a, b) => expect([alike(a, b), alike(b, a)]).toEqual([true, true]));
});

describe("ID-4: names that do not", () => {
  test.each([
    ["Van", "Nan"],
    ["Zoe", "Zo\u00eb"],
    ["小明", "小红"],
    ["Иван", "Ivan"],
    ["ada", "adam"],
    ["ab", "a b"],
  ])("%s and %s", (a, b) => expect(alike(a, b)).toBe(false));
});

describe("somebody's look", () => {
  /** As an older database may have it: two people whose names look alike. */
  async function makeAlike(tx: WriteTransaction, { uid, like }: { uid: number; like: number }) {
    const rows = await tx.db.selectFrom("name_looks").select("look").where("uid", "=", like).execute();
    await tx.db.deleteFrom("name_looks").where("uid", "=", uid).execute();
    await tx.db
      .insertInto("name_looks")
      .values(rows.map(({ look }) => ({ look, uid })))
      .execute();
  }

  let app: IdentityApp;
  beforeAll(async () => {
    app = await openIdentityApp({}, { makeAlike: single(makeAlike, ofServer()) });
  });
  afterAll(() => app.close());

  const make = (name: string) => app.ask("/accounts", { body: { name, password: PASSWORD } });
  const rename = (token: string, name: string) => app.ask("/me", { method: "PATCH", token, body: { name } });
  const TAKEN = { status: 409, body: { code: "name_taken" } };

  test("ID-4: is nobody else's, neither for a new account nor for a new name, until it is given up", async () => {
    const ada = await app.register("Ada");
    const bob = await app.register("Bob");
    const cyrillic = "\u0410d\u0430";
    expect(await make(cyrillic)).toMatchObject(TAKEN);
    expect(await rename(bob.token, cyrillic)).toMatchObject(TAKEN);
    // Their own name, written in another way.
    for (const name of ["ADA", cyrillic, "Ada"]) expect((await rename(ada.token, name)).status).toBe(200);
    expect((await rename(ada.token, "Countess")).status).toBe(200);
    expect((await rename(bob.token, cyrillic)).status).toBe(200);
    expect((await app.ask("/me", { method: "DELETE", token: bob.token, body: { password: PASSWORD } })).status).toBe(
      204,
    );
    expect((await make("Ada")).status).toBe(201);
  });

  test("ID-4: goes to one of several who want it at once", async () => {
    const names = ["Zed", "Z\u0435d", "\u0396ed", "ZED"];
    const statuses = (await Promise.all(names.map(make))).map(({ status }) => status);
    expect(statuses.sort()).toEqual([201, 409, 409, 409]);
  });

  test.each(["Deleted user", "DELETED USER", "De1eted user", "System", "Syst\u0435m", "SYSTEM"].entries().toArray())(
    "ID-4: case %d, %s, is what the server calls somebody",
    async (index, name) => {
      expect(await make(name)).toMatchObject(TAKEN);
      const { token } = await app.register(`Wanting ${index}`);
      expect(await rename(token, name)).toMatchObject(TAKEN);
    },
  );

  test("ID-4: people who share one since before keep it, sign in, and change their names", async () => {
    const [eve, ewe] = [await app.register("Eve"), await app.register("Ewe")];
    await app.scratch.writes.run(makeAlike, { uid: ewe.uid, like: eve.uid });
    for (const name of ["Eve", "Ewe"]) {
      expect((await app.ask("/logins", { body: { name, password: PASSWORD } })).status).toBe(201);
    }
    for (const [{ token }, name] of [
      [eve, "EVE"],
      [ewe, "Ewe the Second"],
      [eve, "Eve"],
    ] as const) {
      expect((await rename(token, name)).status).toBe(200);
    }
    // The name is the other one's alone by now.
    expect(await rename(ewe.token, "Eve")).toMatchObject(TAKEN);
  });
});
