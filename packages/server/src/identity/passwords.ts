import { z } from "@hono/zod-openapi";
import { codePoints, LIMITS } from "@parley/protocol";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { SIZES } from "../limits/sizes.ts";

/** Costs about 30 ms and 19 MiB each: what OWASP asks of argon2id at least. */
const COST = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
/** Two leave the second core to everything else; more would only take turns. */
const AT_ONCE = CAPS.passwordsAtOnce.count;
/** About two seconds of work; people who would wait longer give up. */
const WAITING_MAX = CAPS.passwordsWaiting.count;
const RETRY_AFTER_MS = 3000;

/** The hash of a random password that nobody knows: compared if there is no account, so that the answer takes equally long. */
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

/** Looser than for new ones: a password that no account can have is answered like any other wrong one. */
export const presentPasswordSchema = z.string().min(1).max(SIZES.givenPassword.count).openapi({ format: "password" });

/** The order at the place that prefers somebody: people whom the account knows, before strangers. */
export interface Turn {
  readonly known?: boolean;
  /** Called when the turn has come, before the work; what it throws is thrown. */
  readonly atTurn?: () => void | Promise<void>;
}

interface Waiting {
  readonly known: boolean;
  start(place: number): void;
  refuse(): void;
}

/**
 * Hashes and compares passwords, off this thread, two at a time; others wait their turn, a hundred at most. Beyond that: 503 `overloaded`.
 * The first place takes people who are known before strangers, and the other takes everybody in order of arrival. If all places to wait are
 * taken, somebody who is known takes that of the last stranger. So strangers who try many passwords delay only each other.
 */
export class Passwords {
  readonly #waitingMax: number;
  readonly #waiting: Waiting[] = [];
  /** Free places; the one that prefers somebody is taken last. */
  readonly #free: number[];

  constructor({ atOnce = AT_ONCE, waitingMax = WAITING_MAX }: { atOnce?: number; waitingMax?: number } = {}) {
    this.#free = Array.from({ length: atOnce }, (_, place) => place);
    this.#waitingMax = waitingMax;
  }

  /** The hash in PHC form. @throws ProblemError `overloaded` */
  hash(password: string, turn: Turn = {}): Promise<string> {
    return this.#inTurn(turn, () => Bun.password.hash(asTyped(password), COST));
  }

  /**
   * Whether the password belongs to the hash. Without a hash the answer is no, after the same time.
   * @throws ProblemError `overloaded`
   */
  verify(password: string, hash: string | null, turn: Turn = {}): Promise<boolean> {
    return this.#inTurn(turn, async () => {
      // Bun refuses an empty password by throwing at once: an answer that would come sooner.
      const right = await Bun.password.verify(asTyped(password) || " ", hash ?? NOBODYS_HASH);
      return right && hash !== null;
    });
  }

  async #inTurn<T>({ known = false, atTurn }: Turn, work: () => Promise<T>): Promise<T> {
    const place = this.#free.pop() ?? (await this.#wait(known));
    try {
      await atTurn?.();
      return await work();
    } finally {
      // The place is handed to the next one rather than freed, so that nobody overtakes.
      const next = this.#next(place);
      if (next) next.start(place);
      else this.#free.push(place);
    }
  }

  #wait(known: boolean): Promise<number> {
    if (this.#waiting.length >= this.#waitingMax) {
      const last = known ? this.#waiting.findLastIndex((one) => !one.known) : -1;
      if (last === -1) throw tooMany();
      this.#waiting.splice(last, 1)[0]?.refuse();
    }
    return new Promise((start, reject) => {
      this.#waiting.push({ known, start, refuse: () => reject(tooMany()) });
    });
  }

  #next(place: number): Waiting | undefined {
    const preferred = place === 0 ? this.#waiting.findIndex(({ known }) => known) : -1;
    return this.#waiting.splice(Math.max(preferred, 0), 1)[0];
  }
}

function tooMany(): ProblemError {
  return new ProblemError("overloaded", "Too many people are signing in", { retryAfterMs: RETRY_AFTER_MS });
}

/** One form for what keyboards compose in different ways. */
function asTyped(password: string): string {
  return password.normalize("NFC");
}
