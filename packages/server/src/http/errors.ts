import { ERRORS } from "@parley/protocol";
import type { ErrorHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ZodError } from "zod";
import { passingFault } from "../db/faults.ts";
import { StorageFault } from "../db/storage-fault.ts";
import { ProblemError } from "../lib/problem.ts";
import { Seldom } from "../lib/seldom.ts";
import { type Logger, loggedPath } from "../ops/logger.ts";
import type { AppEnv } from "./app-env.ts";

/** The RFC 9457 document of a refusal, as every answer over HTTP sends it. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly [field: string]: unknown;
}

export function problemDocument(error: ProblemError): ProblemDocument {
  const { title, status } = ERRORS[error.code];
  // The cause of a fault of ours is in the log; what the client gets says nothing of the inside.
  const detail = error.code === "internal" ? {} : { detail: error.message };
  return { ...error.extra, type: `urn:parley:problem:${error.code}`, title, status, code: error.wireCode, ...detail };
}

/** A problem as an HTTP response; usable outside the app, such as before an upgrade. */
export function problemResponse(error: ProblemError, headers: Record<string, string> = {}): Response {
  const all = new Headers({ "Content-Type": "application/problem+json", "Cache-Control": "no-store", ...headers });
  if (error.retryAfterMs !== undefined) all.set("Retry-After", String(retryAfterSeconds(error.retryAfterMs)));
  if (error.status === 401 && !all.has("WWW-Authenticate")) all.set("WWW-Authenticate", "Bearer");
  return new Response(JSON.stringify(problemDocument(error)), { status: error.status, headers: all });
}

/** Never 0: a client that reads it literally would come back at once. */
function retryAfterSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

/** Faults that one refusal names; a list of thousands may have one in each of its items. */
export const ERRORS_NAMED = 100;

/** What is wrong with a request, field by field, as 400 `invalid`. */
export function invalidInput(error: ZodError): ProblemError {
  const errors = error.issues
    .slice(0, ERRORS_NAMED)
    .map((issue) => ({ path: issue.path.join("."), message: issue.message }));
  const first = errors[0];
  const where = first?.path ? `${first.path}: ` : "";
  return new ProblemError("invalid", first ? `${where}${first.message}` : undefined, { extra: { errors } });
}

/** Whatever was thrown, as the problem the client may see; undefined means a fault of ours. */
function asProblem(thrown: unknown): ProblemError | undefined {
  if (thrown instanceof ProblemError) return thrown;
  if (thrown instanceof HTTPException) {
    if (thrown.status === 400) {
      const errors = [{ path: "", message: "The body is not valid JSON" }];
      return new ProblemError("invalid", "The body is not valid JSON", { extra: { errors } });
    }
    if (thrown.status === 413) return new ProblemError("too_large");
    if (thrown.status === 415) return new ProblemError("unsupported_media_type");
  }
  return undefined;
}

export type ErrorResponse = (thrown: unknown, request: { method: string; path: string }) => Response;

/** For Hono's `onError`. */
export function errorHandler(respond: ErrorResponse): ErrorHandler<AppEnv> {
  return (thrown, c) => {
    const { method, path } = c.req;
    return respond(c.get("bodyFault") ?? thrown, { method, path });
  };
}

/**
 * Makes the answers to what was thrown. An unknown error is logged with its cause and answered with 500 `internal`. Where the database could not be read
 * for a reason that may pass the answer is 503, and since all requests find that out, it is logged once in a while.
 */
export function errorResponses(logger: Logger): ErrorResponse {
  const unreadable = new Seldom();
  return (thrown, { method, path }) => {
    const problem = asProblem(thrown);
    if (problem) return problemResponse(problem);
    const fault = passingFault(thrown);
    if (fault === undefined) {
      logger.error({ err: thrown, method, path: loggedPath(path) }, "request failed");
      return problemResponse(new ProblemError("internal"));
    }
    unreadable.run((left) => logger.error({ fault, left }, "the database cannot be read: such requests get 503"));
    return problemResponse(new StorageFault(fault));
  };
}
