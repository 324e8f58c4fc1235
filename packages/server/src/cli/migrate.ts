import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import { prepareDatabaseForCommand } from "../db/open.ts";
import { systemClock } from "../lib/clock.ts";
import type { Command } from "./command.ts";

export const migrateCommand: Command = {
  name: "migrate",
  summary: "bring the database up to date without starting the server",
  help: `
Usage: parley migrate

Makes the database in DATA_DIR, or brings it to the form this version needs. The server does
the same when it starts; this is for those who want to see it happen first. All or nothing.
Stop the server before: an older one cannot work with the new form.
`,
  async run(args, io) {
    parseArgs({ args: [...args], options: {} });
    const { config } = loadConfig(io.env);
    const path = await prepareDatabaseForCommand(config.data.dir, systemClock.now());
    io.out(`The database is up to date: ${path}\n`);
    return 0;
  },
};
