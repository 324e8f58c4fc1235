import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SERVER_SCOPES } from "@parley/protocol";
import { TestServer } from "../../test/harness.ts";
import { ManualClock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import { CommandFailed, type Io, UsageError } from "./command.ts";
import { type KeyRing, keyCommand } from "./key.ts";
import { openKeyRing } from "./key-ring.ts";

const DAY = 24 * 3_600_000;
const clock = new ManualClock();

/** `parley key` on a key ring that keeps what it is asked. */
async function call(args: readonly string[], fault?: Error) {
  const asked: unknown[] = [];
  const said: string[] = [];
  let opened = 0;
  let closed = 0;
  const answer = (what: unknown) => {
    asked.push(what);
    if (fault) throw fault;
  };
  const ring: KeyRing = {
    async add(key) {
      answer(key);
      return { id: 3, key: "ps_secret" };
    },
    async revoke(name) {
      answer(["revoke", name]);
      return { id: 3 };
    },
    async list() {
      answer("list");
      return [
        {
          ...{ id: 1, name: "shop", scopes: ["users"], createdAt: 0, lastUsedAt: null, expiresAt: null },
          ...{ rate: null, recipientsRate: null, allRate: null },
        },
        {
          ...{ id: 2, name: "ci", scopes: ["users", "feed"], createdAt: 0, lastUsedAt: 60_000, expiresAt: DAY },
          ...{ rate: 5, recipientsRate: 50, allRate: 2 },
        },
      ];
    },
    close: async () => void closed++,
  };
  const command = keyCommand(async ({ data }) => {
    expect(data.dir).toBe("/somewhere");
    opened += 1;
    return ring;
  }, clock);
  const io: Io = {
    env: { DATA_DIR: "/somewhere" },
    out: (text) => void said.push(text),
    err: () => expect.unreachable(),
    readInput: () => expect.unreachable(),
  };
  const ended = await command.run(args, io).catch((error: unknown) => error as Error);
  expect(closed).toBe(opened);
  return { ended, asked, opened, out: said.join("") };
}

const USUAL = { rate: null, recipientsRate: null, allRate: null };

describe("a wrong call opens no database", () => {
  test.each<[args: string[], message: string]>([
    [[], "parley key needs one of: add, list, revoke"],
    [["delete", "shop"], "parley key needs one of: add, list, revoke"],
    [["add"], "parley key add needs one NAME"],
    [["add", "shop", "other"], "parley key add needs one NAME"],
    [["revoke"], "parley key revoke needs one NAME"],
    [["list", "shop"], "parley key list takes no NAME, but got shop"],
    [["revoke", "shop", "--rate", "5"], "parley key revoke takes no --rate"],
    [["list", "--scopes", "users"], "parley key list takes no --scopes"],
    [["add", "shop", "--scopes", "users,admin"], `There is no scope "admin"; there are ${SERVER_SCOPES.join(", ")}`],
    [["add", "shop", "--scopes", ""], `There is no scope ""; there are ${SERVER_SCOPES.join(", ")}`],
    [["add", "shop", "--expires", "soon"], "--expires is soon, wanted days such as 90d, or a date such as 2030-01-31"],
    [["add", "shop", "--expires", "12"], "--expires is 12, wanted days such as 90d, or a date such as 2030-01-31"],
    [
      ["add", "shop", "--expires", "2030-13-31"],
      "--expires is 2030-13-31, wanted days such as 90d, or a date such as 2030-01-31",
    ],
    [["add", "shop", "--expires", "2001-01-31"], "--expires is 2001-01-31, which has already passed"],
    [["add", "shop", "--expires", "0d"], "--expires is 0d, which has already passed"],
    [["add", "shop", "--rate", "0"], "--rate is 0, wanted requests a second"],
    [["add", "shop", "--rate", "many"], "--rate is many, wanted requests a second"],
    [["add", "shop", "--recipients", "0"], "--recipients is 0, wanted people and rooms a second"],
    [["add", "shop", "--to-all", "1.5"], "--to-all is 1.5, wanted notifications and events a second"],
  ])("parley key %j", async (args, message) => {
    const { ended, opened } = await call(args);
    expect(ended).toBeInstanceOf(UsageError);
    expect((ended as Error).message).toBe(message);
    expect(opened).toBe(0);
  });
});

test("add says the key once; without options it is for everything, without an end and with the usual rate", async () => {
  const { ended, asked, out } = await call(["add", "shop"]);
  expect(asked).toEqual([{ name: "shop", scopes: SERVER_SCOPES, expiresAt: null, ...USUAL }]);
  expect([ended, out]).toEqual([0, "Added shop (key 3)\nKey: ps_secret\nIt is not shown again.\n"]);
});

test("SRV-8: add takes scopes, an end and rates", async () => {
  const options = ["--scopes", "users, feed", "--rate", "5000", "--recipients", "70", "--to-all", "2"];
  const [inDays] = (await call(["add", "shop", ...options, "--expires", "90d"])).asked;
  expect(inDays).toEqual({
    ...{ name: "shop", scopes: ["users", "feed"], expiresAt: clock.now() + 90 * DAY },
    ...{ rate: 5000, recipientsRate: 70, allRate: 2 },
  });
  const [onDay] = (await call(["add", "shop", "--expires", "2099-01-31"])).asked;
  expect(onDay).toMatchObject({ expiresAt: Date.UTC(2099, 0, 31) });
});

test("list has a line for each key, and revoke says which key it was", async () => {
  expect((await call(["list"])).out).toBe(
    "1\tshop\tusers\t1970-01-01T00:00:00.000Z\tnever\tnever\t\t\t\n" +
      "2\tci\tusers,feed\t1970-01-01T00:00:00.000Z\t1970-01-01T00:01:00.000Z\t1970-01-02T00:00:00.000Z\t5\t50\t2\n",
  );
  expect(await call(["revoke", "shop"])).toMatchObject({
    ended: 0,
    asked: [["revoke", "shop"]],
    out: "Revoked shop (key 3)\n",
  });
});

test("a refusal is a sentence, and a fault stays one", async () => {
  const refused = await call(["revoke", "shop"], new ProblemError("not_found", "There is no server key of this name"));
  expect(refused.ended).toBeInstanceOf(CommandFailed);
  expect((refused.ended as Error).message).toBe("There is no server key of this name");
  const fault = new TypeError("x");
  expect((await call(["list"], fault)).ended).toBe(fault);
});

describe("beside a running server", () => {
  let server: TestServer;
  let ring: KeyRing;
  beforeAll(async () => {
    server = await TestServer.start();
    ring = await openKeyRing({ data: server.data });
  }, 20_000);
  afterAll(async () => {
    await ring.close();
    await server.stop();
  });

  test("SRV-1: what is added is listed and holds at once, and a name belongs to one key", async () => {
    const wish = { name: "shop", scopes: ["users"], expiresAt: null, rate: null };
    const { id } = await ring.add(wish);
    expect(await ring.list()).toMatchObject([{ id, name: "shop", scopes: ["users"], lastUsedAt: null }]);
    expect(ring.add(wish)).rejects.toThrow("There is already a server key with this name");
    await ring.revoke("shop");
    expect(await ring.list()).toEqual([]);
  });
});
