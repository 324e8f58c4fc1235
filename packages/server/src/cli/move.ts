import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import { postgresUrl } from "../config/parse.ts";
import { MigrationRefused } from "../db/migrate.ts";
import { type Moved, move } from "../db/move.ts";
import { nameOf } from "../db/open.ts";
import { PostgresUnusable } from "../db/postgres/faults.ts";
import { systemClock } from "../lib/clock.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { type Command, CommandFailed, type Io, UsageError } from "./command.ts";

/** How often a long table says how far it is. */
const SAY_MS = 5000;

export const moveCommand: Command = {
  name: "move",
  summary: "copy everything from SQLite to an empty PostgreSQL database",
  help: `
Usage: parley move --to postgres://USER@HOST/DATABASE

Copies the database in DATA_DIR to an empty database of PostgreSQL 15 or later. The server must be
stopped. Everything keeps its ids, tokens and places in the log, so after the server has started with
DATABASE_URL set to that address, clients continue where they were. The database in DATA_DIR is only
read. A new file beside it, parley.moved, keeps servers and commands without DATABASE_URL from using
it. The copy is one transaction: if it is cut off, the database stays empty, and the command can be
run again.

  --to ADDRESS    the address of the database; others on this machine can read the arguments of a
                  command, so leave the password out and give it in the variable PGPASSWORD
`,
  async run(args, io) {
    const url = addressOf(args);
    const { data } = loadConfig(io.env).config;
    if (data.databaseUrl !== undefined) {
      throw new CommandFailed(
        "DATABASE_URL is set, so the data is in PostgreSQL already. To move the database in DATA_DIR, run the command without DATABASE_URL.",
      );
    }
    const began = uptimeMs();
    const moved = await moving(data.dir, url, io);
    io.out(summary(moved, { dir: data.dir, url, seconds: (uptimeMs() - began) / 1000 }));
    return 0;
  },
};

/** @throws UsageError, without the address, which may have a password in it */
function addressOf(args: readonly string[]): string {
  const options = { to: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  if (values.to === undefined || positionals.length > 0)
    throw new UsageError("parley move needs --to ADDRESS and nothing else");
  const parsed = postgresUrl(values.to);
  if (!parsed.ok) throw new UsageError(`--to wants ${parsed.wanted}`);
  return parsed.value;
}

async function moving(dir: string, url: string, io: Io): Promise<Moved> {
  let saidAt = uptimeMs();
  try {
    return await move(dir, url, {
      now: systemClock.now(),
      onRows: ({ table, rows, of }) => {
        if (rows < of && uptimeMs() - saidAt < SAY_MS) return;
        if (of > 0) io.out(`${table}: ${rows < of ? `${count(rows)} of ` : ""}${counted(of, "row")}\n`);
        saidAt = uptimeMs();
      },
    });
  } catch (error) {
    const isOfTarget = error instanceof PostgresUnusable || error instanceof MigrationRefused;
    // These sentences are about the setting, which is an option here.
    throw isOfTarget ? new CommandFailed(error.message.replaceAll("DATABASE_URL", "--to"), { cause: error }) : error;
  }
}

function summary({ rows, logEnd, mended }: Moved, at: { dir: string; url: string; seconds: number }): string {
  const all = rows.values().reduce((sum, one) => sum + one, 0);
  const of = (table: "users" | "rooms" | "messages", one: string) => counted(rows.get(table) ?? 0, one);
  const from = nameOf({ dir: at.dir, databaseUrl: undefined });
  const to = nameOf({ dir: "", databaseUrl: at.url });
  return `
${to}, has everything now: ${counted(all, "row")}, among them ${of("users", "account")}, ${of("rooms", "room")}, ${of("messages", "message")}
and the log up to position ${count(logEnd)}, in ${at.seconds.toFixed(1)} s. Both have the same numbers of rows.
${mended === 0 ? "" : `${counted(mended, "text")} had a 0 byte, which PostgreSQL cannot store; U+FFFD is in its place.\n`}
Next: set DATABASE_URL to that address, leave the other settings as they are, and start the server.
${from} was not changed. Until parley.moved beside it is removed, no server and no command uses it.
To go back to it, remove that file; if people have used PostgreSQL, run parley epoch --renew then, because it
lacks everything that was done since.
`;
}

function counted(n: number, one: string): string {
  return `${count(n)} ${one}${n === 1 ? "" : "s"}`;
}

function count(n: number): string {
  return n.toLocaleString("en").replaceAll(",", " ");
}
