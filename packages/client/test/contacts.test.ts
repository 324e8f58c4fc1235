import { describe, expect, test } from "bun:test";
import { type Contacts, contactsOf } from "../src/calls.ts";
import { createClient, type ParleyError } from "../src/index.ts";
import { ServerRig } from "./rig/rig.ts";

describe("contacts", () => {
  const rig = new ServerRig();
  let people = 0;

  /** Ben, whom the rig has already, and somebody else. */
  async function two() {
    const { server, ben } = rig.stage;
    people += 1;
    const other = await server.person(`someone ${people}`);
    const contacts = ({ token }: { token: string }) => contactsOf(createClient({ url: server.url, token }));
    return { ben: { uid: ben.uid, ...contacts(ben) }, other: { uid: other.uid, ...contacts(other) } };
  }

  test("SDK-48: somebody asks, is accepted, is called by another name, and is removed", async () => {
    const { ben, other } = await two();
    const { id, direction, text } = await other.ask(ben.uid, "it's me");
    expect([direction, text]).toEqual(["out", "it's me"]);
    const [open] = (await ben.requests({ limit: 1 })).items;
    expect(open).toMatchObject({ id, uid: other.uid, text: "it's me", state: "open", read: false });
    expect(await ben.read(id)).toEqual({ friendRequests: 0 });
    expect(await ben.accept(id)).toMatchObject({ id, state: "accepted" });
    expect(await ben.remark(other.uid, "Sis")).toEqual({ uid: other.uid, remark: "Sis" });
    expect((await ben.friends()).items.find(({ uid }) => uid === other.uid)).toMatchObject({ remark: "Sis" });
    expect((await other.friends()).items).toMatchObject([{ uid: ben.uid, remark: "" }]);
    expect(await other.remove(ben.uid)).toBeUndefined();
    expect((await other.friends()).items).toEqual([]);
  });

  test("SDK-48: a request is rejected, and one is withdrawn", async () => {
    const { ben, other } = await two();
    const { id } = await other.ask(ben.uid);
    expect(await ben.reject(id)).toMatchObject({ id, state: "rejected" });
    const again = await ben.ask(other.uid);
    expect(await ben.withdraw(again.id)).toBeUndefined();
    expect((await other.requests()).items.map((one) => one.id)).toEqual([id]);
  });

  test("SDK-48: somebody is blocked until the block ends", async () => {
    const { ben, other } = await two();
    expect(await other.block(ben.uid)).toBeUndefined();
    expect((await other.blocks()).items.map(({ uid }) => uid)).toEqual([ben.uid]);
    expect(await other.unblock(ben.uid)).toBeUndefined();
    expect((await other.blocks({ limit: 5 })).items).toEqual([]);
  });

  test("SDK-48: a refusal is the server's", async () => {
    const { ben } = await two();
    const refused = await ben.ask(ben.uid).catch((error: ParleyError) => [error.status, error.code]);
    expect(refused).toEqual([422, "own_account"]);
    expect(await ben.accept(999_999_999).catch((error: ParleyError) => error.code)).toBe("not_found");
  });

  test.each<[string, (contacts: Contacts) => Promise<unknown>]>([
    ["uid", ({ remark }) => remark(0, "Sis")],
    ["remark", ({ remark }) => remark(20_000, undefined as never)],
    ["uid", ({ remove }) => remove("20000" as never)],
    ["uid", ({ ask }) => ask(Number.NaN)],
    ["text", ({ ask }) => ask(20_000, 5 as never)],
    ["requestId", ({ accept }) => accept(-1)],
    ["requestId", ({ reject }) => reject(undefined as never)],
    ["requestId", ({ withdraw }) => withdraw(1.5)],
    ["upTo", ({ read }) => read(0)],
    ["uid", ({ block }) => block(null as never)],
    ["uid", ({ unblock }) => unblock(2 ** 60)],
  ])("SDK-46, SDK-48: a wrong `%s` rejects, and nothing is asked: %s", async (name, call) => {
    const fetch = () => {
      throw new Error("nothing is asked");
    };
    const contacts = contactsOf(createClient({ url: "http://127.0.0.1:9", token: "t", fetch }));
    const error = await call(contacts).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toStartWith(`\`${name}\` has to be `);
  });
});
