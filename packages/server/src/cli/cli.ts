/**
 * The command line: `parley <command>`. This file finds the command, prints help and turns errors into messages and exit
 * codes (0 done, 1 failed, 2 called wrongly); each command is a file of its own and loads what it needs when it runs, so
 * that help is quick. Text for people goes to stdout, complaints to stderr; nothing here reads the environment. Commands
 * may import the server and the database; nothing imports this room but main.ts.
 */
import { ConfigError } from "../config/config.ts";
import { VERSION } from "../lib/version.ts";
import { backupCommand, restoreCommand } from "./backup.ts";
import { type Command, type Io, UsageError } from "./command.ts";
import { configCommand } from "./config.ts";
import { doctorCommand } from "./doctor.ts";
import { epochCommand } from "./epoch.ts";
import { explained } from "./explained.ts";
import { keyCommand } from "./key.ts";
import { migrateCommand } from "./migrate.ts";
import { moveCommand } from "./move.ts";
import { serveCommand } from "./serve.ts";
import { userCommand } from "./user.ts";
import { workerCommand } from "./worker.ts";

const COMMANDS: readonly Command[] = [
  serveCommand(),
  configCommand,
  migrateCommand,
  backupCommand,
  restoreCommand,
  moveCommand,
  epochCommand,
  userCommand(async (config) => {
    const { openUserAccounts } = await import("./user-accounts.ts");
    return openUserAccounts(config);
  }),
  keyCommand(async (config) => {
    const { openKeyRing } = await import("./key-ring.ts");
    return openKeyRing(config);
  }),
  doctorCommand,
  workerCommand,
];

/** Runs one call of `parley` and returns its exit code; never throws. */
export async function runCli({ args, ...io }: Io & { readonly args: readonly string[] }): Promise<number> {
  try {
    return await dispatch(args, io);
  } catch (error) {
    return complain(error, args, io);
  }
}

async function dispatch(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    io.err(overview());
    return 2;
  }
  if (name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) {
    io.out(overview());
    return 0;
  }
  if (name === "--version" || name === "-v") {
    io.out(`${VERSION}\n`);
    return 0;
  }
  const wanted = name === "help" ? rest[0] : name;
  const command = COMMANDS.find((one) => one.name === wanted);
  if (!command) throw new UsageError(`There is no ${name.startsWith("-") ? "option" : "command"} ${wanted}`);
  if (name === "help" || rest.includes("--help") || rest.includes("-h")) {
    io.out(`${command.help.trim()}\n`);
    return 0;
  }
  return command.run(rest, io);
}

function overview(): string {
  const lines = COMMANDS.filter(({ isInternal }) => !isInternal).map(
    ({ name, summary }) => `  ${name.padEnd(10)}${summary}`,
  );
  return `Parley: instant messaging and real-time push, self-hosted

Usage: parley <command> [options]

${lines.join("\n")}

  parley <command> --help    more about a command
  parley --version           the version
Settings are environment variables; parley config lists them.
`;
}

function complain(error: unknown, [name]: readonly string[], io: Io): number {
  if (error instanceof ConfigError) {
    const count = error.problems.length === 1 ? "One setting is" : `${error.problems.length} settings are`;
    io.err(`${count} wrong:\n${error.problems.map((problem) => `  ${problem}\n`).join("")}`);
    return 1;
  }
  if (error instanceof UsageError || isParseArgsError(error)) {
    const help = COMMANDS.some((one) => one.name === name) ? `${name} --help` : "--help";
    io.err(`${error.message}\nTry: parley ${help}\n`);
    return 2;
  }
  const sentence = explained(error);
  if (sentence !== undefined) {
    io.err(`${sentence}\n`);
    return 1;
  }
  io.err(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return 1;
}

/** What node:util's parseArgs throws for an unknown or incomplete option. */
function isParseArgsError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_");
}
