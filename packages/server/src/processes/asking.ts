import { StorageFault } from "../db/storage-fault.ts";
import { type CarriedError, carryError, revivedError } from "../db/write-batch.ts";

export type Answer =
  | { readonly ok: true; readonly value?: unknown }
  | { readonly ok: false; readonly error: CarriedError };

/** Questions that wait for the other side's answer, by their numbers. */
export class Asking {
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #asked = 0;

  get waiting(): number {
    return this.#waiting.size;
  }

  /** @param send sends the question with this number */
  ask(send: (id: number) => void): Promise<unknown> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      try {
        send(id);
      } catch (error) {
        // It is too long, so nobody will answer it.
        this.#waiting.delete(id);
        reject(error);
      }
    });
  }

  answered(id: number, answer: Answer): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    if (answer.ok) waiting.resolve(answer.value);
    else waiting.reject(revivedError(answer.error));
  }

  /** Nobody answers any more. */
  failAll(error: Error): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of all) reject(error);
  }
}

/** The outcome of some work as an answer that crosses the socket. */
export async function answerOf(work: () => Promise<unknown>): Promise<Answer> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: carried(error) };
  }
}

function carried(error: unknown): CarriedError {
  if (error instanceof StorageFault) return { storageFault: error.fault };
  return carryError(error instanceof Error ? error : new Error(String(error)));
}
