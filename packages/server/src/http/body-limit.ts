import type { MiddlewareHandler } from "hono";
import { withDeadline } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { SIZES } from "../limits/sizes.ts";
import type { AppEnv } from "./app-env.ts";
import { SERVER_DOOR } from "./server-key.ts";

/** Paths of requests that may be larger. */
const LARGER_BODIES: ReadonlyMap<string, number> = new Map([["/api/v1/events", SIZES.pollBody.count]]);

/**
 * Refuses larger bodies with 413. A declared length is judged before anything is read; a chunked body is read up to the limit and passed on
 * whole, if it arrives within `waitMs`.
 */
export function bodyLimit(bytes: number, { waitMs }: { waitMs: number }): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const { path } = c.req;
    const maxBytes = path.startsWith(SERVER_DOOR) ? SIZES.serverBody.count : (LARGER_BODIES.get(path) ?? bytes);
    const { headers, method } = c.req.raw;
    if (method === "GET" || method === "HEAD") return next();
    if (headers.has("Transfer-Encoding")) {
      const body = await readUpTo(c.req.raw, { maxBytes, waitMs });
      c.req.raw = new Request(c.req.raw, { body });
    } else if (Number(headers.get("Content-Length") ?? 0) > maxBytes) {
      throw tooLarge(maxBytes);
    }
    await next();
  };
}

async function readUpTo(
  request: Request,
  { maxBytes, waitMs }: { maxBytes: number; waitMs: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const read = async () => {
    for await (const chunk of request.body ?? []) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  };
  await withDeadline(read(), waitMs, "late").catch((error: unknown) => {
    throw error instanceof ProblemError ? error : incompleteBody();
  });
  return Buffer.concat(chunks, size);
}

/** The client has gone, its chunks are malformed, or it takes too long. */
export function incompleteBody(): ProblemError {
  const message = "The body ended before it was complete";
  return new ProblemError("invalid", message, { extra: { errors: [{ path: "", message }] } });
}

function tooLarge(maxBytes: number): ProblemError {
  return new ProblemError("too_large", `The body may have at most ${maxBytes} bytes`);
}
