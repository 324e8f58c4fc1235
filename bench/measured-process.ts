import { cpuByThread, cpuNanoseconds, residentBytes } from "./cpu-time.ts";

/** A program that is measured, or that loads the one that is measured: it gets its own processor where there are two. */
export class MeasuredProcess {
  readonly #process: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  /** @param options.core the processor that it is bound to, so that load and server do not take each other's time */
  constructor(command: readonly string[], options: { core?: number; env?: Record<string, string> }) {
    const { core, env = {} } = options;
    const bound = core !== undefined && Bun.which("taskset") !== null && navigator.hardwareConcurrency > 1;
    this.#process = Bun.spawn([...(bound ? ["taskset", "-c", String(core)] : []), ...command], {
      env: { PATH: process.env.PATH ?? "", ...env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#lines = linesOf(this.#process.stdout);
  }

  /** `taskset` becomes the program that it starts, so this is the program's own pid. */
  get pid(): number {
    return this.#process.pid;
  }

  /** The next line of its output that matches; others are skipped. @throws when the program ends first */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const { done, value } = await this.#lines.next();
      if (done) throw new Error(`a program ended before it said ${pattern}`);
      const match = pattern.exec(value);
      if (match) return match;
    }
  }

  /** Writes a line to its input. */
  tell(line: string): void {
    this.#process.stdin.write(`${line}\n`);
    void this.#process.stdin.flush();
  }

  cpuNanoseconds(): number {
    return cpuNanoseconds(this.pid);
  }

  cpuByThread(): Map<string, number> {
    return cpuByThread(this.pid);
  }

  residentBytes(): number {
    return residentBytes(this.pid);
  }

  /** Resolves when it is gone. */
  async kill(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    this.#process.kill(signal);
    await this.#process.exited;
  }
}

async function* linesOf(stdout: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stdout) {
    text += decoder.decode(bytes, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    yield* lines;
  }
}
