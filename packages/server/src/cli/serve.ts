import { parseArgs } from "node:util";
import { type Config, loadConfig } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import { systemClock } from "../lib/clock.ts";
import { withDeadline } from "../lib/interval.ts";
import { flushed, type Logger, processLogger } from "../ops/logger.ts";
import type { Command, Io } from "./command.ts";
import { isAtTerminal, watchStopSignals } from "./stop-signals.ts";

/** A stop that takes longer is cut: supervisors kill at 30 s, and then nothing is flushed. */
export const STOP_CAP_MS = 25_000;

/** What `serve` runs: the server, or in tests one of which a part hangs. */
export interface Served {
  /** `isNew`: nobody has an account yet. */
  start(): Promise<{ url: string; isNew?: boolean }>;
  stop(): Promise<void>;
}

export interface ServeParts {
  readonly stopCapMs?: number;
  readonly create?: (config: Config, logger: Logger) => Served | Promise<Served>;
}

export function serveCommand({ stopCapMs = STOP_CAP_MS, create = createServer }: ServeParts = {}): Command {
  return {
    name: "serve",
    summary: "run the server",
    help: `
Usage: parley serve

Runs the server until SIGTERM or SIGINT. Then it tells its clients when to come back, and exits with 0.
A second signal ends it at once. SIGHUP stops it only if it has a terminal. Log lines are JSON on
standard output; in a terminal the first lines are plain text.
Settings are environment variables; parley config lists them.
`,
    run(args, io) {
      parseArgs({ args: [...args], options: {} });
      return serve(io, { stopCapMs, create });
    },
  };
}

async function serve(io: Io, { stopCapMs, create }: Required<ServeParts>): Promise<number> {
  const { config, warnings } = loadConfig(io.env);
  const logger = processLogger(config.logLevel);
  for (const warning of warnings) logger.warn(warning);
  if (process.getuid?.() === 0)
    logger.warn("Parley is running as root, which it does not need: run it as a user made for it");

  const { promise: stopAsked, resolve: askStop } = Promise.withResolvers<string>();
  watchStopSignals({
    clock: systemClock,
    hasTerminal: isAtTerminal(),
    onFirst: askStop,
    onSecond: (signal) => {
      logger.warn({ signal }, "second signal, ending at once");
      void flushed(logger).then(() => process.exit(1));
    },
  });

  const server = await create(config, logger);
  const { url, isNew } = await server.start();
  const say = teller(io, logger);
  say(`Parley is ready: ${url} (data in ${config.data.dir})`);
  if (isNew) say(`Nobody has an account here yet. To make an administrator: ${firstAccount(io.env)}`);

  const signal = await stopAsked;
  logger.info({ signal }, "stopping; a second signal ends it at once");
  await withDeadline(server.stop(), stopCapMs, "the stop took too long").catch((error: unknown) => {
    logger.error({ err: error }, "stopped with errors");
  });
  logger.info("stopped");
  await flushed(logger);
  return 0;
}

/** Says what every start says, whatever LOG_LEVEL is: in words where people read it, else as a line of the log. */
function teller(io: Io, logger: Logger): (text: string) => void {
  if (io.isTerminal) return (text) => io.out(`${text}\n`);
  const always = logger.child({}, { level: "info" });
  return (text) => always.info(text);
}

function firstAccount({ DATA_DIR }: Env): string {
  const where = DATA_DIR?.trim() ? `DATA_DIR=${DATA_DIR.trim()} ` : "";
  return `${where}npx parley user add NAME --admin`;
}

/** Loaded here, so that help and wrong settings answer without loading the whole server. */
async function createServer(config: Config, logger: Logger): Promise<Served> {
  const { Server } = await import("../server.ts");
  return new Server(config, { logger });
}
