import { parseArgs } from "node:util";
import { loadConfig } from "../config/config.ts";
import { processLogger } from "../ops/logger.ts";
import { type Command, UsageError } from "./command.ts";

/** What a supervisor starts its workers with. */
export const workerCommand: Command = {
  name: "worker",
  summary: "one of several processes of a server",
  isInternal: true,
  help: `
Usage: parley worker SOCKET

parley serve starts these itself, where PROCESSES is more than 1. They end with it.
`,
  async run(args, { env }) {
    const { positionals } = parseArgs({ args: [...args], options: {}, allowPositionals: true });
    const [socketPath] = positionals;
    if (socketPath === undefined || positionals.length > 1)
      throw new UsageError("parley serve starts the workers; set PROCESSES");
    // The supervisor stops all of them together; a terminal or systemd sends its signals to each.
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
    const { config } = loadConfig(env);
    const logger = processLogger(config.logLevel, { isShared: true });
    const { runWorker } = await import("../worker.ts");
    return runWorker(socketPath, { config, logger });
  },
};
