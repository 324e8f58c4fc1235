import { parseArgs } from "node:util";
import { type Config, loadConfig } from "../config/config.ts";
import { randomToken } from "../lib/ids.ts";
import { ProblemError } from "../lib/problem.ts";
import { type Command, CommandFailed, type Io, UsageError } from "./command.ts";

export interface ListedUser {
  readonly uid: number;
  readonly name: string;
  readonly power: 0 | 1;
}

/** Accounts as an operator changes them, in a database that no server needs to have open. Refusals are ProblemErrors. */
export interface UserAccounts {
  add(user: { name: string; password: string; power: 0 | 1 }): Promise<{ uid: number }>;
  /** Changes what is given; a new password revokes all logins of the account. */
  set(name: string, change: { password?: string; power?: 0 | 1 }): Promise<{ uid: number }>;
  /** By uid. */
  list(): Promise<readonly ListedUser[]>;
  close(): Promise<void>;
}

const HELP = `
Usage: parley user add NAME [--admin] [--password-stdin]
       parley user set NAME [--admin | --no-admin] [--password-stdin]
       parley user list

Makes and changes accounts, also while the server runs. add prints a generated password unless
one is given on standard input. A new password signs the account out everywhere.

  --admin             the account may administer the server
  --no-admin          it may not any more
  --password-stdin    read the password (8 to 256 characters) from standard input
`;

/** @param open opens the accounts of a configuration, bringing the database up to date first */
export function userCommand(open: (config: Config) => Promise<UserAccounts>): Command {
  return {
    name: "user",
    summary: "add an account, change one, list them",
    help: HELP,
    async run(args, io) {
      const call = parseCall(args);
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

type Call =
  | { readonly action: "list" }
  | { readonly action: "add"; readonly name: string; readonly power: 0 | 1; readonly passwordStdin: boolean }
  | {
      readonly action: "set";
      readonly name: string;
      readonly power: 0 | 1 | undefined;
      readonly passwordStdin: boolean;
    };

function parseCall(args: readonly string[]): Call {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      admin: { type: "boolean" },
      "no-admin": { type: "boolean" },
      "password-stdin": { type: "boolean" },
    },
  });
  const [action, name, ...rest] = positionals;
  if (action === "list") {
    if (name !== undefined) throw new UsageError(`parley user list takes no NAME, but got ${name}`);
    return { action };
  }
  if (action !== "add" && action !== "set") throw new UsageError("parley user needs add, set or list");
  if (name === undefined || rest.length > 0) throw new UsageError(`parley user ${action} needs one NAME`);
  const { admin = false, "no-admin": noAdmin = false, "password-stdin": passwordStdin = false } = values;
  if (admin && noAdmin) throw new UsageError("--admin and --no-admin exclude each other");
  if (action === "add") return { action, name, power: admin ? 1 : 0, passwordStdin };
  const power = admin ? 1 : noAdmin ? 0 : undefined;
  if (power === undefined && !passwordStdin) {
    throw new UsageError("parley user set needs --admin, --no-admin or --password-stdin");
  }
  return { action, name, power, passwordStdin };
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

async function perform(call: Call, { accounts, password, io }: Performing): Promise<void> {
  if (call.action === "list") {
    for (const { uid, name, power } of await accounts.list())
      io.out(`${uid}\t${power === 1 ? "admin" : ""}\t${name}\n`);
    return;
  }
  if (call.action === "set") {
    const change = {
      ...(password === undefined ? {} : { password }),
      ...(call.power === undefined ? {} : { power: call.power }),
    };
    const { uid } = await accounts.set(call.name, change);
    io.out(`Changed ${call.name} (uid ${uid})\n`);
    return;
  }
  const chosen = password ?? randomToken(120);
  const { uid } = await accounts.add({ name: call.name, password: chosen, power: call.power });
  io.out(`Added ${call.name} (uid ${uid})${call.power === 1 ? ", an administrator" : ""}\n`);
  if (password === undefined) io.out(`Password: ${chosen}\n`);
}
