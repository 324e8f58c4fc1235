import { explained } from "../packages/server/src/cli/explained.ts";
import { serveCommand } from "../packages/server/src/cli/serve.ts";
import { readEnv } from "../packages/server/src/config/env.ts";
import { Server } from "../packages/server/src/server.ts";
import { GRACE_MS, POLL_ONLINE_MS } from "./presence-times.ts";

/* The server of the fault test: the same as `parley serve`, but with shorter times of presence. */

const presence = { graceMs: GRACE_MS, pollOnlineMs: POLL_ONLINE_MS };
const command = serveCommand({
  create: (config, logger, onOtherLog) => new Server(config, { logger, onOtherLog, presence }),
});
const out = (text: string) => void process.stdout.write(text);
const err = (text: string) => void process.stderr.write(text);
try {
  process.exit(await command.run([], { env: readEnv(), out, err, readInput: async () => "" }));
} catch (error) {
  // The database may be away: the program that started this one tries again.
  err(`${explained(error) ?? (error as Error).stack}\n`);
  process.exit(1);
}
