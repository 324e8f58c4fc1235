/** A server whose writer thread hangs from the start, and whose stop may take `HANGING_STOP_CAP_MS`. */
import { serveCommand } from "../../src/cli/serve.ts";
import { readEnv } from "../../src/config/env.ts";
import { Server } from "../../src/server.ts";
import { hang, hangTable } from "./writes.ts";

const WRITER_THREAD = new URL("./writer-thread.ts", import.meta.url);

class HangingServer extends Server {
  override async start(): ReturnType<Server["start"]> {
    const started = await super.start();
    void this.storage?.writes.run(hang, undefined);
    return started;
  }
}

const serve = serveCommand({
  stopCapMs: Number(process.env.HANGING_STOP_CAP_MS),
  create: (config, logger) => new HangingServer(config, { logger, writer: { entry: WRITER_THREAD, table: hangTable } }),
});
const code = await serve.run([], {
  env: readEnv(),
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  readInput: async () => "",
});
process.exit(code);
