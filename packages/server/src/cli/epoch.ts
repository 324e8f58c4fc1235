import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import { epochOf, giveNewEpoch } from "../db/epoch.ts";
import { type DatabasePlace, type DataSettings, existingDatabase, openReader } from "../db/open.ts";
import { lockForCommand } from "../db/sqlite/lock.ts";
import { procedures } from "../writes.ts";
import type { Command } from "./command.ts";

export const epochCommand: Command = {
  name: "epoch",
  summary: "show the database's epoch, or renew it",
  help: `
Usage: parley epoch [--renew]

Shows the epoch of the database: the name that every cursor begins with. A database that was moved
keeps it. A database that lacks something that clients have already seen needs a new epoch, so that
they load everything again. parley restore gives it one by itself.

  --renew    make a new one; the server must be stopped
`,
  async run(args, io) {
    const { values } = parseArgs({ args: [...args], options: { renew: { type: "boolean" } } });
    const { data } = loadConfig(io.env).config;
    const place = await existingDatabase(data);
    if (values.renew) await renew(data, place);
    io.out(`${await epochIn(place)}\n`);
    return 0;
  },
};

async function renew({ dir, databaseUrl }: DataSettings, place: DatabasePlace): Promise<void> {
  const unlock = databaseUrl === undefined ? lockForCommand(dir) : () => {};
  try {
    await giveNewEpoch(place, procedures);
  } finally {
    unlock();
  }
}

async function epochIn(place: DatabasePlace): Promise<string> {
  const db = openReader(place);
  try {
    return await epochOf(db);
  } finally {
    await db.destroy();
  }
}
