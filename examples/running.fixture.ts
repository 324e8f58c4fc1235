import { withDeadline } from "../packages/server/src/lib/interval.ts";

/** An example in its own process. */
export class Running {
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #errors: Promise<string>;
  readonly #ended: Promise<void>;
  #printed = Promise.withResolvers<void>();
  output = "";

  constructor(command: string[], env: Record<string, string> = {}) {
    const { PATH = "" } = process.env;
    this.#process = Bun.spawn(command, { env: { PATH, ...env }, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    this.#errors = new Response(this.#process.stderr).text();
    this.#ended = this.#read();
  }

  /** Resolves when it has printed this. */
  async says(wanted: string): Promise<void> {
    const found = async () => {
      for (let isOver = false; !this.output.includes(wanted); ) {
        if (isOver) throw new Error(`ended with ${await this.#process.exited}: ${this.output}${await this.#errors}`);
        // Its end may be known before its last words are read, so what counts is the end of its output.
        isOver = await Promise.race([this.#printed.promise.then(() => false), this.#ended.then(() => true)]);
      }
    };
    await withDeadline(found(), 30_000, `"${wanted}" was not printed`);
  }

  /** @returns the exit code, and its error output */
  async ended(): Promise<{ code: number; errors: string }> {
    await this.#ended;
    return { code: await this.#process.exited, errors: await this.#errors };
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#process.kill(signal);
    await this.#process.exited;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#process.stdout) {
      this.output += decoder.decode(chunk, { stream: true });
      this.#printed.resolve();
      this.#printed = Promise.withResolvers();
    }
  }
}
