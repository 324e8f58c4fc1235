import { runCli } from "./cli/cli.ts";
import { readEnv } from "./config/env.ts";

const code = await runCli({
  args: process.argv.slice(2),
  env: readEnv(),
  isTerminal: process.stdout.isTTY === true,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  readInput: () => Bun.stdin.text(),
});
process.exit(code);
