import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import { DataDirLocked } from "../db/lock.ts";
import { MigrationRefused } from "../db/migrate.ts";
import { systemClock } from "../lib/clock.ts";
import { withDeadline } from "../lib/interval.ts";
import { createLogger } from "../ops/logger.ts";
import { type Command, CommandFailed } from "./command.ts";
import { watchStopSignals } from "./stop-signals.ts";

/** A stop that takes longer is cut: supervisors kill at 30 s, and then nothing is flushed. */
const STOP_CAP_MS = 25_000;

export const serveCommand: Command = {
  name: "serve",
  summary: "run the server",
  help: `
Usage: parley serve

Runs the server until SIGTERM or SIGINT, then says goodbye to its connections and exits with 0.
A second signal ends it at once. Log lines are JSON on standard output.
Settings are environment variables; parley config lists them.
`,
  async run(args, io) {
    parseArgs({ args: [...args], options: {} });
    const { config, warnings } = loadConfig(io.env);
    const logger = createLogger({ level: config.logLevel });
    for (const warning of warnings) logger.warn(warning);

    const { promise: stopAsked, resolve: askStop } = Promise.withResolvers<string>();
    watchStopSignals({
      clock: systemClock,
      onFirst: askStop,
      onSecond: (signal) => {
        logger.warn({ signal }, "second signal, ending at once");
        process.exit(1);
      },
    });

    // Loaded here, so that help and wrong settings answer without loading the whole server.
    const { Server } = await import("../server.ts");
    const server = new Server(config, { logger });
    const { url } = await server.start().catch((error: unknown) => {
      throw startFailure(error, config.listen.port);
    });
    io.out(`Parley is ready: ${url} (data in ${config.data.dir})\n`);

    const signal = await stopAsked;
    logger.info({ signal }, "stopping");
    await withDeadline(server.stop(), STOP_CAP_MS, "the stop took too long").catch((error: unknown) => {
      logger.error({ err: error }, "stopped with errors");
    });
    logger.info("stopped");
    return 0;
  },
};

/** The failures that people meet, in their words; any other stays as it is, with its stack. */
function startFailure(error: unknown, port: number): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE")
    return new CommandFailed(`Port ${port} is in use. Stop what uses it, or set PORT to another.`);
  if (error instanceof DataDirLocked || error instanceof MigrationRefused) return new CommandFailed(error.message);
  if (code === "EACCES") return new CommandFailed(`Port ${port} or the data folder may not be used by this user.`);
  return error;
}
