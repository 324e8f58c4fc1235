import { runCli } from "./cli/cli.ts";
import { LIFELINE_FLAG, watchLifeline } from "./cli/lifeline.ts";
import { readEnv } from "./config/env.ts";

const args = process.argv.slice(2);
if (args.includes(LIFELINE_FLAG)) void watchLifeline();

const code = await runCli({
  args: args.filter((arg) => arg !== LIFELINE_FLAG),
  env: readEnv(),
  isTerminal: process.stdout.isTTY === true,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  readInput: () => Bun.stdin.text(),
});
process.exit(code);
