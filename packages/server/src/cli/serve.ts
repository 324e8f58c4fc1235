import { parseArgs } from "node:util";
import { type Config, loadConfig } from "../config/config.ts";
import type { Env } from "../config/env.ts";
import { nameOf } from "../db/open.ts";
import { systemClock } from "../lib/clock.ts";
import { withDeadline } from "../lib/interval.ts";
import { flushed, type Logger, processLogger } from "../ops/logger.ts";
import type { Command, Io } from "./command.ts";
import { type Served, startedAtLast, startedOnce } from "./start-served.ts";
import { isAtTerminal, watchStopSignals } from "./stop-signals.ts";

/** A stop that takes longer is cut: supervisors kill at 30 s, and then nothing is flushed. */
export const STOP_CAP_MS = 25_000;

/** @param onOtherLog the database has become another one, so that a new server has to take the place of this one */
type Create = (config: Config, logger: Logger, onOtherLog: (why: string) => void) => Served | Promise<Served>;

export interface ServeParts {
  readonly stopCapMs?: number;
  readonly create?: Create;
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
Settings are environment variables; parley config lists them. With PROCESSES above 1 this process
supervises others, which serve (parley worker) and end with it.
`,
    run(args, io) {
      parseArgs({ args: [...args], options: {} });
      return serve(io, { stopCapMs, create });
    },
  };
}

async function serve(io: Io, { stopCapMs, create }: Required<ServeParts>): Promise<number> {
  const { config, warnings } = loadConfig(io.env);
  const logger = processLogger(config.logLevel, { isShared: config.processes > 1 });
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

  const say = teller(io, logger);
  for (let isFirst = true; ; isFirst = false) {
    const { promise: outdated, resolve: onOtherLog } = Promise.withResolvers<string>();
    const createOne = () => create(config, logger, onOtherLog);
    const started = isFirst ? await startedOnce(createOne) : await startedAtLast(createOne, { logger, stopAsked });
    if (!started) break;
    const { server, url, isNew } = started;
    say(`Parley is ready: ${url} (data in ${whereIn(config.data)})`);
    if (isNew) say(`Nobody has an account here yet. To make an administrator${firstAccount(io.env)}`);

    const asked = await Promise.race([stopAsked.then((signal) => ({ signal })), outdated.then((why) => ({ why }))]);
    if ("signal" in asked) logger.info(asked, "stopping; a second signal ends it at once");
    else logger.warn(asked, "this server's view of the log is outdated: it closes all connections and starts again");
    const stopping = server.stop({ atOnce: "why" in asked });
    const isStopped = await stopped(stopping, { logger, stopCapMs });
    if ("signal" in asked) break;
    // Its ports may still be taken, so that no other server can begin in this process.
    if (!isStopped) return ended(logger, 1);
  }
  logger.info("stopped");
  return ended(logger, 0);
}

/** @returns false if it takes too long. A step that failed, such as a last write to a database that is away, leaves nothing behind. */
async function stopped(
  stop: Promise<void>,
  { logger, stopCapMs }: { logger: Logger; stopCapMs: number },
): Promise<boolean> {
  const tellFailure = (error: unknown) => logger.error({ err: error }, "stopped with errors");
  const stopping = stop.then(
    () => true,
    (error: unknown) => {
      tellFailure(error);
      return true;
    },
  );
  return withDeadline(stopping, stopCapMs, "the stop took too long").catch((error: unknown) => {
    tellFailure(error);
    return false;
  });
}

async function ended(logger: Logger, code: number): Promise<number> {
  await flushed(logger);
  return code;
}

/** Says what every start says, whatever LOG_LEVEL is: in words where people read it, else as a line of the log. */
function teller(io: Io, logger: Logger): (text: string) => void {
  if (io.isTerminal) return (text) => io.out(`${text}\n`);
  const always = logger.child({}, { level: "info" });
  return (text) => always.info(text);
}

/** An address of PostgreSQL is not shown, since it has a password in it. */
function firstAccount({ DATA_DIR, DATABASE_URL }: Env): string {
  const command = "npx parley user add NAME --admin";
  if (DATABASE_URL?.trim()) return `, with the same DATABASE_URL: ${command}`;
  return DATA_DIR?.trim() ? `: DATA_DIR=${DATA_DIR.trim()} ${command}` : `: ${command}`;
}

/** PostgreSQL without the user and the password. */
function whereIn(data: Config["data"]): string {
  return data.databaseUrl === undefined ? data.dir : nameOf(data);
}

/** Loaded here, so that help and wrong settings answer without loading the whole server. */
async function createServer(config: Config, logger: Logger, onOtherLog: (why: string) => void): Promise<Served> {
  if (config.processes > 1) {
    const { Supervisor } = await import("../supervisor.ts");
    return new Supervisor(config, { logger, onOtherLog });
  }
  const { Server } = await import("../server.ts");
  return new Server(config, { logger, onOtherLog });
}
