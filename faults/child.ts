import { withDeadline } from "../packages/server/src/lib/interval.ts";

interface Question {
  readonly id: number;
  readonly call: unknown;
}

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A process of the fault test that answers calls: one message there, one message back. */
export class Child<C> {
  readonly #process: Bun.Subprocess;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #name: string;
  #next = 0;

  constructor(file: string) {
    this.#name = file;
    this.#process = Bun.spawn([process.execPath, new URL(file, import.meta.url).pathname], {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      ipc: (reply: Reply) => this.#waiting.get(reply.id)?.(reply),
      onExit: (_, code) => {
        for (const settle of this.#waiting.values()) settle({ id: 0, error: `${file} ended with code ${code}` });
      },
    });
  }

  /** @throws Error that the other side threw, or when it has not answered in time, or has ended */
  async ask<T>(call: C, withinMs = 60_000): Promise<T> {
    const id = ++this.#next;
    const replied = new Promise<Reply>((resolve) => this.#waiting.set(id, resolve));
    const question: Question = { id, call };
    this.#process.send(question);
    const reply = await withDeadline(replied, withinMs, `${this.#name} did not answer`);
    this.#waiting.delete(id);
    if (reply.error !== undefined) throw new Error(`${this.#name}: ${reply.error}`);
    return reply.value as T;
  }

  async end(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
}

/** The other side: answers each call with what `reply` returns. The process ends with the one that started it. */
export function answer<C>(reply: (call: C) => unknown): void {
  process.on("disconnect", () => process.exit(0));
  process.on("message", async ({ id, call }: Question) => {
    let answered: Reply;
    try {
      answered = { id, value: await reply(call as C) };
    } catch (error) {
      answered = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    process.send?.(answered);
  });
}
