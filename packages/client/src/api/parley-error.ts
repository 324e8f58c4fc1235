/** What an answer said, or, with status 0, what a function of the product threw. The message is for people. */
export interface Cause {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** A refusal of the server, or no answer at all (`status` 0, `code` "offline"). The message is for people. */
export class ParleyError extends Error {
  override readonly name = "ParleyError";
  readonly status: number;
  /** Stable: one of the protocol's error codes, "offline", or "unknown" if something in between answered. */
  readonly code: string;
  /** How long the server asked to wait. */
  readonly retryAfterMs: number | undefined;
  /** The whole problem document (RFC 9457). */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(status: number, problem: Readonly<Record<string, unknown>> = {}, retryAfterMs?: number) {
    super(String(problem.detail ?? problem.title ?? (status ? `The server answered ${status}` : "No answer")));
    this.status = status;
    this.code = String(problem.code ?? (status ? "unknown" : "offline"));
    this.retryAfterMs = retryAfterMs;
    this.problem = problem;
  }

  /** Whether the same request can succeed later without a change. Only the server's word is final, not that of a proxy. */
  get canRetry(): boolean {
    return this.code === "unknown" || !isRefusal(this.status);
  }
}

function isRefusal(status: number): boolean {
  return status > 0 && status < 500 && status !== 429;
}

/** What a product should show of a failure that time alone may not fix; undefined if nobody has to look. */
export function causeOf(error: unknown): Cause | undefined {
  if (!(error instanceof ParleyError))
    return { status: 0, code: "unknown", message: String((error as Error)?.message ?? error) };
  const { status, code, message } = error;
  return isRefusal(status) ? { status, code, message } : undefined;
}
