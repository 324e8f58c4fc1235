import { readdirSync, readFileSync } from "node:fs";
import { after, delay } from "../src/lib/interval.ts";

const END_MS = 5000;

/**
 * A service that a test starts for itself. It ends with this process, even if this process is killed, and it runs as another user
 * if root runs the tests and the service refuses that.
 */
export class PrivateProcess {
  readonly #process: Bun.Subprocess<"ignore", "ignore", "ignore">;

  /**
   * @param options.as the user to run it as, if this process is root's
   * @param options.log file that gets what it prints
   * @param options.atDeath the signal that it gets when this process has died
   */
  constructor(command: readonly string[], options: { as?: string; log: string; atDeath?: string }) {
    const { as, log, atDeath = "SIGKILL" } = options;
    const program = commandAs(as, command, ["--pdeathsig", atDeath.slice(3)]);
    // By a shell, since the log is appended to when the service starts again.
    this.#process = Bun.spawn(["sh", "-c", `exec "$@" >>"$0" 2>&1`, log, ...program], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
      env: { PATH: process.env.PATH ?? "", LC_ALL: "C" },
    });
  }

  /** Its own and those of processes that it has started. */
  get pids(): number[] {
    return [this.#process.pid, ...childrenOf(this.#process.pid)];
  }

  get pid(): number {
    return this.#process.pid;
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Sends a signal to the service alone, not to processes that it has started. Resolves when the service has ended. */
  async end(signal: "SIGTERM" | "SIGINT" | "SIGQUIT"): Promise<void> {
    this.#process.kill(signal);
    await this.#process.exited;
  }

  /** The same, and SIGKILL to everything if it has not ended by then. */
  async endOrKill(signal: "SIGTERM" | "SIGINT" | "SIGQUIT"): Promise<void> {
    const stop = after(END_MS, () => void this.kill());
    await this.end(signal);
    stop();
  }

  /** SIGKILL for the service and all processes that it has started. Resolves when they are gone. */
  async kill(): Promise<void> {
    const pids = this.pids;
    for (const pid of pids) signalIfAlive(pid, "SIGKILL");
    await this.#process.exited;
    // Those of them that are orphans now are reaped by the first process.
    while (pids.some((pid) => isRunning(pid))) await delay(5);
  }

  /** Stops all its processes where they are, until `resume`. */
  freeze(): void {
    for (const pid of this.pids) signalIfAlive(pid, "SIGSTOP");
  }

  resume(): void {
    for (const pid of this.pids) signalIfAlive(pid, "SIGCONT");
  }
}

/** The command that runs another one as `user`, if this process is root's. @param also further options of setpriv(1) */
export function commandAs(
  user: string | undefined,
  command: readonly string[],
  also: readonly string[] = [],
): string[] {
  const isOther = user !== undefined && process.getuid?.() === 0;
  const ids = isOther ? [`--reuid=${user}`, `--regid=${user}`, "--init-groups"] : [];
  return ["setpriv", ...ids, ...also, "--", ...command];
}

/** What everybody on the machine sees of the programs that run: their arguments, separated by spaces. */
export function commandLines(): string[] {
  return pids().map((pid) => (isRunning(pid) ? readIfAlive(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim() : ""));
}

function childrenOf(pid: number): number[] {
  return pids().filter((child) => Number(statOf(child)[1]) === pid);
}

function isRunning(pid: number): boolean {
  return !["Z", "X", undefined].includes(statOf(pid)[0]);
}

/** The state and the parent of a process, and more; nothing if there is no such process. */
function statOf(pid: number): string[] {
  // The name of the program comes first, in parentheses, and may contain anything.
  const [, rest] = /^.*\) (.*)$/s.exec(readIfAlive(`/proc/${pid}/stat`)) ?? [];
  return rest?.split(" ") ?? [];
}

function pids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function readIfAlive(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}
