import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import type { DataSettings } from "../db/open.ts";
import { backUp } from "../db/sqlite/backup.ts";
import { restore } from "../db/sqlite/restore.ts";
import { systemClock } from "../lib/clock.ts";
import { procedures } from "../writes.ts";
import { type Command, CommandFailed, type Io, UsageError } from "./command.ts";

export const backupCommand: Command = {
  name: "backup",
  summary: "write a copy of the database to a file, while the server runs",
  help: `
Usage: parley backup FILE

Writes a copy of the database in DATA_DIR, as it is at the beginning of the copy, to FILE, which must
not exist. The server may run meanwhile and goes on writing. Only the user who runs this may read FILE:
it has all texts and password hashes. One that is cut off leaves FILE empty and FILE.partial beside it.
`,
  async run(args, io) {
    const file = oneFile("backup", args);
    const { dir } = inFolder(io);
    const bytes = await backUp(dir, file);
    io.out(`The database in ${dir} is in ${file} now (${(bytes / 1e6).toFixed(1)} MB).\n`);
    return 0;
  },
};

export const restoreCommand: Command = {
  name: "restore",
  summary: "put a backup into an empty data folder",
  help: `
Usage: parley restore FILE

Checks FILE, which parley backup wrote, and puts a copy of it into DATA_DIR, which must have no database;
the server must be stopped. The database gets a new epoch, so that clients, which may have seen more than
the backup has, load everything anew. What was done since the backup is undone: logins that were
ended and bans too.
`,
  async run(args, io) {
    const file = oneFile("restore", args);
    const { dir } = inFolder(io);
    await restore(file, dir, { table: procedures, now: systemClock.now() });
    io.out(`The backup ${file} is in ${dir} now, with a new epoch. Start the server.\n`);
    return 0;
  },
};

/** These two are for SQLite: PostgreSQL has tools of its own. */
function inFolder(io: Io): DataSettings {
  const { data } = loadConfig(io.env).config;
  if (data.databaseUrl === undefined) return data;
  throw new CommandFailed(
    "The data is in PostgreSQL, as DATABASE_URL says. Use pg_dump and pg_restore; docs/runbook.md has the commands.",
  );
}

function oneFile(command: string, args: readonly string[]): string {
  const { positionals } = parseArgs({ args: [...args], options: {}, allowPositionals: true });
  const [file, ...more] = positionals;
  if (file === undefined || file === "" || more.length > 0) throw new UsageError(`parley ${command} takes one FILE`);
  return file;
}
