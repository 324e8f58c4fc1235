import { runCli } from "../src/cli/cli.ts";
import type { Env } from "../src/config/env.ts";

/** Runs a command in this process. It is asked for no password, or the test fails. @returns its exit code and what it said */
export async function parleyCommand(args: readonly string[], env: Env = {}) {
  const said = { out: "", err: "" };
  const code = await runCli({
    args,
    env,
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    readInput: () => Promise.reject(new Error("nobody asked for a password")),
  });
  return { code, ...said };
}
