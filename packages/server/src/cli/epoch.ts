import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import { epochOf, renewEpoch } from "../db/epoch.ts";
import { DataDirLocked, lockDataDir } from "../db/lock.ts";
import { existingDatabase, openReader, openWrites } from "../db/open.ts";
import { randomHex } from "../lib/ids.ts";
import { procedures } from "../writes.ts";
import { type Command, CommandFailed } from "./command.ts";

export const epochCommand: Command = {
  name: "epoch",
  summary: "show the database's epoch, or renew it after restoring a backup",
  help: `
Usage: parley epoch [--renew]

Shows the epoch of the database in DATA_DIR: the name that every cursor begins with. A moved
database keeps it. A restored backup needs a new one, since it is behind what clients have seen;
with a new epoch they load everything anew.

  --renew    make a new one; the server must be stopped
`,
  async run(args, io) {
    const { values } = parseArgs({ args: [...args], options: { renew: { type: "boolean" } } });
    const { dir } = loadConfig(io.env).config.data;
    const path = await existingDatabase(dir);
    if (values.renew) await renew(dir, path);
    io.out(`${await epochIn(path)}\n`);
    return 0;
  },
};

async function renew(dataDir: string, path: string): Promise<void> {
  const unlock = lockedDataDir(dataDir);
  try {
    const writes = openWrites(path, { table: procedures });
    try {
      await writes.run(renewEpoch, { epoch: randomHex(64) });
    } finally {
      await writes.close();
    }
  } finally {
    unlock();
  }
}

function lockedDataDir(dataDir: string): () => void {
  try {
    return lockDataDir(dataDir);
  } catch (error) {
    if (!(error instanceof DataDirLocked)) throw error;
    throw new CommandFailed(`A Parley server uses the data folder ${dataDir}. Stop it first.`);
  }
}

async function epochIn(path: string): Promise<string> {
  const db = openReader(path);
  try {
    return await epochOf(db);
  } finally {
    await db.destroy();
  }
}
