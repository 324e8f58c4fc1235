import type { ErrorCode } from "@parley/protocol";
import { ERRORS } from "@parley/protocol";

/** More fields of the problem document, such as `errors` of a 400; plain data, so that it crosses threads. */
export type ProblemExtra = Record<string, unknown>;

/**
 * A refusal that the caller may see. It carries its wire code; the status follows from the table of codes in the protocol package. Two
 * places turn it into wire form: `http/errors.ts` and `gateway/commands.ts`. Anything else that is thrown is a bug: it is logged with its
 * cause and answered without detail.
 */
export class ProblemError extends Error {
  readonly code: ErrorCode;
  readonly extra: ProblemExtra | undefined;
  /** When a retry can help, after how many milliseconds; sent as Retry-After (whole seconds, rounded up). */
  readonly retryAfterMs: number | undefined;
  /** The `code` on the wire: the code, or, if the product refuses, the code that it gives. */
  readonly wireCode: string;

  constructor(
    code: ErrorCode,
    message?: string,
    more: { extra?: ProblemExtra; retryAfterMs?: number; wireCode?: string } = {},
  ) {
    super(message ?? ERRORS[code].title);
    this.name = "ProblemError";
    this.code = code;
    this.wireCode = more.wireCode ?? code;
    this.extra = more.extra;
    this.retryAfterMs = more.retryAfterMs;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}
