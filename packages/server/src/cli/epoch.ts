import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import { epochOf, giveNewEpoch } from "../db/epoch.ts";
import { lockForCommand } from "../db/lock.ts";
import { existingDatabase, openReader } from "../db/open.ts";
import { procedures } from "../writes.ts";
import type { Command } from "./command.ts";

export const epochCommand: Command = {
  name: "epoch",
  summary: "show the database's epoch, or renew it",
  help: `
Usage: parley epoch [--renew]

Shows the epoch of the database in DATA_DIR: the name that every cursor begins with. A moved
database keeps it. One that is behind what clients have seen needs a new one; with a new epoch they
load everything anew. parley restore does that by itself.

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
  const unlock = lockForCommand(dataDir);
  try {
    await giveNewEpoch(path, procedures);
  } finally {
    unlock();
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
