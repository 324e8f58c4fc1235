import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import { systemClock } from "../lib/clock.ts";
import { withDeadline } from "../lib/interval.ts";
import { createLogger } from "../ops/logger.ts";
import type { Command } from "./command.ts";
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
    const { url } = await server.start();
    io.out(`Parley is ready: ${url} (data in ${config.data.dir})\n`);

    const signal = await stopAsked;
    logger.info({ signal }, "stopping; a second signal ends it at once");
    await withDeadline(server.stop(), STOP_CAP_MS, "the stop took too long").catch((error: unknown) => {
      logger.error({ err: error }, "stopped with errors");
    });
    logger.info("stopped");
    return 0;
  },
};
