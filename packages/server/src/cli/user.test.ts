import { describe, expect, test } from "bun:test";
import { ProblemError } from "../lib/problem.ts";
import { type Io, UsageError } from "./command.ts";
import { type UserAccounts, userCommand } from "./user.ts";

const LOGIN = {
  ...{ id: 7, createdAt: 0, lastSeenAt: 61_000, ip: "203.0.113.9" },
  ...{ userAgent: "Phone 1", via: "qr" as const },
};
const LISTED =
  "1\t\tSystem\n20000\tadmin\tada\n20001\tdisabled\tben\n20002\tadmin,disabled\tcem\n20003\t\tada\tcustomer 42\n";

/** `parley user` on accounts that keep what they are asked. */
async function call(args: readonly string[], { input = "", fault }: { input?: string; fault?: Error } = {}) {
  const asked: unknown[] = [];
  const said: string[] = [];
  let opened = 0;
  let closed = 0;
  let reads = 0;
  const answer = (what: unknown) => {
    asked.push(what);
    if (fault) throw fault;
    return { uid: 20_007 };
  };
  const accounts: UserAccounts = {
    add: async (user) => answer(user),
    set: async (name, change) => answer([name, change]),
    disable: async (name) => answer(["disable", name]),
    enable: async (name) => answer(["enable", name]),
    remove: async (name) => answer(["remove", name]),
    logins: async (name) => {
      answer(["logins", name]);
      return [LOGIN];
    },
    list: async () => {
      answer("list");
      return [
        { uid: 1, name: "System", power: 0, disabled: false, externalId: null },
        { uid: 20_000, name: "ada", power: 1, disabled: false, externalId: null },
        { uid: 20_001, name: "ben", power: 0, disabled: true, externalId: null },
        { uid: 20_002, name: "cem", power: 1, disabled: true, externalId: null },
        { uid: 20_003, name: "ada", power: 0, disabled: false, externalId: "customer 42" },
      ];
    },
    close: async () => {
      closed += 1;
    },
  };
  const command = userCommand(async (config) => {
    expect(config.data.dir).toBe("/somewhere");
    opened += 1;
    return accounts;
  });
  const io: Io = {
    env: { DATA_DIR: "/somewhere" },
    out: (text) => void said.push(text),
    err: () => expect.unreachable(),
    readInput: async () => {
      reads += 1;
      return input;
    },
  };
  const ended = await command.run(args, io).catch((error: unknown) => error as Error);
  // What was opened is closed, whatever came of it.
  expect(closed).toBe(opened);
  return { ended, asked, opened, reads, out: said.join("") };
}

describe("a wrong call opens no database", () => {
  test.each<[args: string[], message: string]>([
    [[], "parley user needs one of: add, set, password, disable, enable, delete, logins, list"],
    [["remove", "ada"], "parley user needs one of: add, set, password, disable, enable, delete, logins, list"],
    [["add"], "parley user add needs one NAME"],
    [["add", "ada", "lovelace"], "parley user add needs one NAME"],
    [["set", "--admin"], "parley user set needs one NAME"],
    [["set", "ada", "ben", "--admin"], "parley user set needs one NAME"],
    [["set", "ada"], "parley user set needs --admin, --no-admin or --password-stdin"],
    [["add", "ada", "--admin", "--no-admin"], "--admin and --no-admin exclude each other"],
    [["set", "ada", "--admin", "--no-admin"], "--admin and --no-admin exclude each other"],
    [["list", "ada"], "parley user list takes no NAME, but got ada"],
    [["disable"], "parley user disable needs one NAME"],
    [["logins", "ada", "ben"], "parley user logins needs one NAME"],
    [["disable", "ada", "--admin"], "parley user disable takes no --admin"],
    [["password", "ada", "--no-admin"], "parley user password takes no --no-admin"],
    [["list", "--password-stdin"], "parley user list takes no --password-stdin"],
  ])("parley user %j", async (args, message) => {
    const { ended, opened, reads } = await call(args, { input: "secret-password\n" });
    expect(ended).toBeInstanceOf(UsageError);
    expect((ended as Error).message).toBe(message);
    expect([opened, reads]).toEqual([0, 0]);
  });

  test("with an option that there is not", async () => {
    const { ended, opened } = await call(["add", "ada", "--owner"]);
    expect([(ended as { code?: string }).code, opened]).toEqual(["ERR_PARSE_ARGS_UNKNOWN_OPTION", 0]);
  });
});

describe("add", () => {
  test("makes up a password and says it", async () => {
    const { ended, asked, out, reads } = await call(["add", "ada"]);
    const [user] = asked as [{ name: string; password: string; power: number }];
    expect(user).toEqual({ name: "ada", password: expect.stringMatching(/^\S{20,}$/), power: 0 });
    expect(out).toBe(`Added ada (uid 20007)\nPassword: ${user.password}\n`);
    expect([ended, reads]).toEqual([0, 0]);
    const [other] = (await call(["add", "ada"])).asked as [{ password: string }];
    expect(other.password).not.toBe(user.password);
  });

  test("takes the password from standard input without its line break, and does not say it", async () => {
    for (const input of ["secret pass ", "secret pass \n", "secret pass \r\n"]) {
      const { asked, out } = await call(["add", "ada", "--password-stdin", "--admin"], { input });
      expect(asked).toEqual([{ name: "ada", password: "secret pass ", power: 1 }]);
      expect(out).toBe("Added ada (uid 20007), an administrator\n");
    }
    // Only the last line break is not part of it.
    expect((await call(["add", "ada", "--password-stdin"], { input: "a\n\n" })).asked).toMatchObject([
      { password: "a\n" },
    ]);
  });

  test("without --admin the account is an ordinary one, also with --no-admin", async () => {
    expect((await call(["add", "ada", "--no-admin"])).asked).toMatchObject([{ power: 0 }]);
  });
});

test.each<[args: string[], change: object]>([
  [["--admin"], { power: 1 }],
  [["--no-admin"], { power: 0 }],
  [["--password-stdin"], { password: "new password" }],
  [["--password-stdin", "--no-admin"], { password: "new password", power: 0 }],
])("set changes what is given and nothing else: %j", async (args, change) => {
  const { ended, asked, out } = await call(["set", "ada", ...args], { input: "new password\n" });
  expect(asked).toEqual([["ada", change]]);
  expect([ended, out]).toEqual([0, "Changed ada (uid 20007)\n"]);
});

test("list has a line for each account: uid, admin and disabled, name, external id", async () => {
  const { ended, asked, out } = await call(["list"]);
  expect([ended, asked, out]).toEqual([0, ["list"], LISTED]);
});

test.each([
  ["disable", ["disable", "ada"], "Disabled ada (uid 20007)\n"],
  ["enable", ["enable", "ada"], "Enabled ada (uid 20007)\n"],
  ["delete", ["remove", "ada"], "Deleted ada (uid 20007)\n"],
])("ID-18: %s", async (action, does, said) => {
  const { ended, asked, out } = await call([action, "ada"]);
  expect([ended, asked, out]).toEqual([0, [does], said]);
});

describe("password", () => {
  test("makes one up and says it", async () => {
    const { asked, out } = await call(["password", "ada"]);
    const [[name, { password }]] = asked as [[string, { password: string }]];
    expect([name, password]).toEqual(["ada", expect.stringMatching(/^\S{20,}$/)]);
    expect(out).toBe(`Changed the password of ada (uid 20007)\nPassword: ${password}\n`);
  });

  test("takes it from standard input and does not say it", async () => {
    const { asked, out } = await call(["password", "ada", "--password-stdin"], { input: "new password\n" });
    expect(asked).toEqual([["ada", { password: "new password" }]]);
    expect(out).toBe("Changed the password of ada (uid 20007)\n");
  });
});

test("logins has a line for each: id, made, last seen, by password or QR code, address, device", async () => {
  expect((await call(["logins", "ada"])).out).toBe(
    "7\t1970-01-01T00:00:00.000Z\t1970-01-01T00:01:01.000Z\tqr\t203.0.113.9\tPhone 1\n",
  );
});

test("a refusal is said in its own words, and a fault of ours stays one", async () => {
  const refused = await call(["add", "ada"], { fault: new ProblemError("conflict", "This name is taken") });
  expect(refused.ended).toMatchObject({ name: "CommandFailed", message: "This name is taken" });
  const fault = new Error("no such column");
  expect((await call(["list"], { fault })).ended).toBe(fault);
});
