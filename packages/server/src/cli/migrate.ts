import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import { prepareDatabaseForCommand } from "../db/open.ts";
import { systemClock } from "../lib/clock.ts";
import type { Command } from "./command.ts";

export const migrateCommand: Command = {
  name: "migrate",
  summary: "update the database without starting the server",
  help: `
Usage: parley migrate

Makes the database in DATA_DIR, or updates it for this version, completely or not at all. The
server does the same when it starts; use this to see the result first. Stop the server before:
an older one cannot use the updated database.
`,
  async run(args, io) {
    parseArgs({ args: [...args], options: {} });
    const { config } = loadConfig(io.env);
    const path = await prepareDatabaseForCommand(config.data.dir, systemClock.now());
    io.out(`The database is up to date: ${path}\n`);
    return 0;
  },
};
