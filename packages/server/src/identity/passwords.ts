import { z } from "@hono/zod-openapi";
import { codePoints, LIMITS } from "@parley/protocol";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/limits.ts";

/** Costs about 30 ms and 19 MiB each: what OWASP asks of argon2id at least. */
const COST = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
/** Two leave the second core to everything else; more would only take turns. */
const AT_ONCE = CAPS.passwordsAtOnce.count;
/** About two seconds of work; people who would wait longer give up. */
const WAITING_MAX = CAPS.passwordsWaiting.count;
const RETRY_AFTER_MS = 3000;

/** Of a random password that nobody knows: compared where there is no account, so that the answer takes as long. */
const NOBODYS_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$7iqXU9mJMSNp0LgQDNOAT/Sht8/UtVk2u26Rh9YsDoM$qjObFShdX+jvwXhjjYuWDRyE0Jem0gTrKyW26ILKwEY";

export const passwordSchema = z
  .string()
  .refine((text) => text.isWellFormed(), "must be well-formed Unicode")
  .refine(
    (text) => codePoints(text) >= LIMITS.passwordMin && codePoints(text) <= LIMITS.passwordMax,
    `must have ${LIMITS.passwordMin} to ${LIMITS.passwordMax} characters`,
  )
  .openapi({ type: "string", minLength: LIMITS.passwordMin, maxLength: LIMITS.passwordMax, format: "password" });

/** Looser than for new ones: what no account can have is answered like any other wrong password. */
export const presentPasswordSchema = z.string().min(1).max(1024);

/**
 * Hashes and compares passwords, off this thread, two at a time; others wait their turn, a hundred at most. Beyond
 * that: 503 `overloaded`.
 */
export class Passwords {
  readonly #atOnce: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor({ atOnce = AT_ONCE, waitingMax = WAITING_MAX }: { atOnce?: number; waitingMax?: number } = {}) {
    this.#atOnce = atOnce;
    this.#waitingMax = waitingMax;
  }

  /** The hash in PHC form. @throws ProblemError `overloaded` */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => Bun.password.hash(asTyped(password), COST));
  }

  /**
   * Whether the password belongs to the hash. Without a hash the answer is no, after the same time.
   * @param atTurn called when its turn has come, before the work; what it throws is thrown
   * @throws ProblemError `overloaded`
   */
  verify(password: string, hash: string | null, atTurn: () => void | Promise<void> = () => {}): Promise<boolean> {
    return this.#inTurn(async () => {
      await atTurn();
      // Bun refuses an empty password by throwing at once: an answer that would come sooner.
      const right = await Bun.password.verify(asTyped(password) || " ", hash ?? NOBODYS_HASH);
      return right && hash !== null;
    });
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce) await this.#wait();
    else this.#running += 1;
    try {
      return await work();
    } finally {
      // The place is handed to the next one rather than freed, so that nobody overtakes.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  #wait(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) {
      throw new ProblemError("overloaded", "Too many people are signing in", { retryAfterMs: RETRY_AFTER_MS });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** One form for what keyboards compose in different ways. */
function asTyped(password: string): string {
  return password.normalize("NFC");
}
