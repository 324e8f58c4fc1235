import type { MiddlewareHandler } from "hono";
import { ProblemError } from "../lib/problem.ts";
import { SIZES } from "../limits/sizes.ts";
import type { AppEnv } from "./app-env.ts";
import { SERVER_DOOR } from "./server-key.ts";

/** Paths of requests that may be larger. */
const LARGER_BODIES: ReadonlyMap<string, number> = new Map([["/api/v1/events", SIZES.pollBody.count]]);

/**
 * Refuses larger bodies with 413. A declared length is judged before anything is read; a chunked body is read up to the
 * limit and handed on whole.
 */
export function bodyLimit(bytes: number): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const { path } = c.req;
    const maxBytes = path.startsWith(SERVER_DOOR) ? SIZES.serverBody.count : (LARGER_BODIES.get(path) ?? bytes);
    const { headers, method } = c.req.raw;
    if (method === "GET" || method === "HEAD") return next();
    if (headers.has("Transfer-Encoding")) {
      const body = await readUpTo(c.req.raw, maxBytes);
      c.req.raw = new Request(c.req.raw, { body });
    } else if (Number(headers.get("Content-Length") ?? 0) > maxBytes) {
      throw tooLarge(maxBytes);
    }
    await next();
  };
}

async function readUpTo(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of request.body ?? []) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    // The client has gone, or its chunks are malformed.
    const message = "The body ended before it was complete";
    throw new ProblemError("invalid", message, { extra: { errors: [{ path: "", message }] } });
  }
  return Buffer.concat(chunks, size);
}

function tooLarge(maxBytes: number): ProblemError {
  return new ProblemError("too_large", `The body may have at most ${maxBytes} bytes`);
}
