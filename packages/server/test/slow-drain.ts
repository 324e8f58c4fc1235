/** A server whose drain takes all of `DRAIN_SECONDS`, however few connections it has, for tests of what happens meanwhile. */
import { serveCommand } from "../src/cli/serve.ts";
import { readEnv } from "../src/config/env.ts";
import { Server } from "../src/server.ts";

const LONGEST_DRAIN_SECONDS = 20;

const serve = serveCommand({
  create: (config, logger, onOtherLog) =>
    new Server(config, { logger, onOtherLog, closesPerSecond: 1 / LONGEST_DRAIN_SECONDS }),
});
const code = await serve.run([], {
  env: readEnv(),
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  readInput: async () => "",
});
process.exit(code);
