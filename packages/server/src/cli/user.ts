import { type Config, loadConfig } from "../config/config.ts";
import { randomToken } from "../lib/ids.ts";
import { ProblemError } from "../lib/problem.ts";
import { type Command, CommandFailed, type Io } from "./command.ts";
import { parseUserCall, type UserCall } from "./user-call.ts";

export interface ListedUser {
  readonly uid: number;
  readonly name: string;
  readonly power: 0 | 1;
  readonly disabled: boolean;
  readonly externalId: string | null;
}

/** Times are epoch milliseconds. */
export interface ListedLogin {
  readonly id: number;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly ip: string;
  readonly userAgent: string;
  readonly via: "password" | "qr" | "server";
}

/** What was done, to whom. */
type Done = Promise<{ readonly uid: number }>;

/** Accounts as an operator changes them, in a database that no server needs to have open. Refusals are ProblemErrors. */
export interface UserAccounts {
  add(user: { name: string; password: string; power: 0 | 1 }): Done;
  /** Changes what is given; a new password revokes all logins of the account. */
  set(name: string, change: { password?: string; power?: 0 | 1 }): Done;
  disable(name: string): Done;
  enable(name: string): Done;
  remove(name: string): Done;
  /** By uid. */
  list(): Promise<readonly ListedUser[]>;
  /** Newest first. */
  logins(name: string): Promise<readonly ListedLogin[]>;
  close(): Promise<void>;
}

const HELP = `
Usage: parley user add NAME [--admin] [--password-stdin]
       parley user set NAME [--admin | --no-admin] [--password-stdin]
       parley user password NAME [--password-stdin]
       parley user disable NAME
       parley user enable NAME
       parley user delete NAME
       parley user logins NAME
       parley user list

Makes and changes accounts. The server may be running. add and password print a generated
password, unless one is given on standard input. A new password signs the account out everywhere.
disable ends a person's connections and answers every request with 403, until enable lets them in
again. delete ends an account for good, as the person can themselves; messages stay without a
name. logins lists the devices on which a person is signed in. list prints a line for each account:
uid, admin and disabled, name, and the external id of people who come from the product. These
cannot be named by their names: write ~UID for NAME, which works for everybody.

  --admin             the account may administer the server
  --no-admin          it may no longer do so
  --password-stdin    read the password (8 to 256 characters) from standard input
`;

/** @param open opens the accounts of a configuration, bringing the database up to date first */
export function userCommand(open: (config: Config) => Promise<UserAccounts>): Command {
  return {
    name: "user",
    summary: "add, change, disable, delete and list accounts",
    help: HELP,
    async run(args, io) {
      const call = parseUserCall(args);
      const { config } = loadConfig(io.env);
      const password = "passwordStdin" in call && call.passwordStdin ? await readPassword(io) : undefined;
      const accounts = await open(config);
      try {
        await perform(call, { accounts, password, io });
      } catch (error) {
        if (error instanceof ProblemError) throw new CommandFailed(error.message);
        throw error;
      } finally {
        await accounts.close();
      }
      return 0;
    },
  };
}

/** The line break that `echo` and editors put at the end is not part of the password. */
async function readPassword(io: Io): Promise<string> {
  return (await io.readInput()).replace(/\r?\n$/, "");
}

interface Performing {
  readonly accounts: UserAccounts;
  readonly password: string | undefined;
  readonly io: Io;
}

async function perform(call: UserCall, { accounts, password, io }: Performing): Promise<void> {
  const say = (what: string, { uid }: { uid: number }, more = "") => io.out(`${what} (uid ${uid})${more}\n`);
  switch (call.action) {
    case "list":
      for (const user of await accounts.list()) io.out(userLine(user));
      return;
    case "logins":
      for (const login of await accounts.logins(call.name)) io.out(loginLine(login));
      return;
    case "disable":
      return say(`Disabled ${call.name}`, await accounts.disable(call.name));
    case "enable":
      return say(`Enabled ${call.name}`, await accounts.enable(call.name));
    case "delete":
      return say(`Deleted ${call.name}`, await accounts.remove(call.name));
    case "set": {
      const change = {
        ...(password === undefined ? {} : { password }),
        ...(call.power === undefined ? {} : { power: call.power }),
      };
      return say(`Changed ${call.name}`, await accounts.set(call.name, change));
    }
    case "password": {
      const chosen = password ?? newPassword();
      say(`Changed the password of ${call.name}`, await accounts.set(call.name, { password: chosen }));
      if (password === undefined) io.out(`Password: ${chosen}\n`);
      return;
    }
    case "add": {
      const chosen = password ?? newPassword();
      const added = await accounts.add({ name: call.name, password: chosen, power: call.power });
      say(`Added ${call.name}`, added, call.power === 1 ? ", an administrator" : "");
      if (password === undefined) io.out(`Password: ${chosen}\n`);
    }
  }
}

function newPassword(): string {
  return randomToken(120);
}

/** People of the product's have one column more. */
function userLine({ uid, name, power, disabled, externalId }: ListedUser): string {
  const marks = [...(power === 1 ? ["admin"] : []), ...(disabled ? ["disabled"] : [])];
  return `${[uid, marks.join(","), name, ...(externalId === null ? [] : [externalId])].join("\t")}\n`;
}

function loginLine({ id, createdAt, lastSeenAt, ip, userAgent, via }: ListedLogin): string {
  const time = (at: number) => new Date(at).toISOString();
  return `${[id, time(createdAt), time(lastSeenAt), via, ip, userAgent].join("\t")}\n`;
}
