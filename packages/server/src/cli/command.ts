import type { Env } from "../config/env.ts";

/** What a command may touch of the outside world; tests pass their own. */
export interface Io {
  readonly env: Env;
  /** Whether people read the standard output as it comes. */
  readonly isTerminal?: boolean;
  out(text: string): void;
  err(text: string): void;
  /** All of standard input. */
  readInput(): Promise<string>;
}

export interface Command {
  readonly name: string;
  /** One line for `parley --help`. */
  readonly summary: string;
  /** The program calls it itself, so it is not listed. */
  readonly isInternal?: true;
  /** What `parley <name> --help` prints. */
  readonly help: string;
  /** Returns the exit code: 0 done, 1 failed. A wrong call is a UsageError. */
  run(args: readonly string[], io: Io): Promise<number>;
}

/** The call itself is wrong: exit code 2, with a hint at the help. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Something failed in a way that the message explains fully: exit code 1, without a stack. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
}
