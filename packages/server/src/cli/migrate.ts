import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import { nameOf, prepareDatabaseForCommand } from "../db/open.ts";
import { systemClock } from "../lib/clock.ts";
import type { Command } from "./command.ts";

export const migrateCommand: Command = {
  name: "migrate",
  summary: "update the database without starting the server",
  help: `
Usage: parley migrate

Makes the database, or updates it for this version, completely or not at all. The
server does the same when it starts; use this to see the result first. Stop the server before,
since an older one cannot use the updated database. With PostgreSQL it can: let it run.
`,
  async run(args, io) {
    parseArgs({ args: [...args], options: {} });
    const { config } = loadConfig(io.env);
    await prepareDatabaseForCommand(config.data, systemClock.now());
    io.out(`The database is up to date: ${nameOf(config.data)}\n`);
    return 0;
  },
};
