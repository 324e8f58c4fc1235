import { createRoute, z } from "@hono/zod-openapi";
import type { AppBindings } from "../../http/app-env.ts";
import { maybeSignedIn, newRoutes, problems, type Routes } from "../../http/openapi.ts";
import { authenticateReader, cursor, type HttpReaderParts, readerQuery } from "../http-reader.ts";
import { SSE_HEADERS, type SseTransport } from "./sse.ts";

/** For the runtime's idle timer: by then the rest of a stream that the server has ended is written or dropped. */
const FLUSH_SECONDS = 10;

const getStream = createRoute({
  method: "get",
  path: "/events/stream",
  tags: ["events"],
  summary: "Server-sent events: READY, the events since the cursor, then new events as they happen",
  security: maybeSignedIn,
  request: {
    query: readerQuery.extend({
      lastEventId: cursor
        .optional()
        .openapi({ description: "Like `Last-Event-ID`, for clients that cannot set headers" }),
    }),
  },
  responses: {
    200: {
      description:
        "`data:` is one frame, `id:` the cursor; a `Last-Event-ID` header takes precedence over `lastEventId`, and that over `cursor`",
      content: { "text/event-stream": { schema: z.string() } },
    },
    ...problems("cursor_malformed", "origin_forbidden"),
  },
});

/** Server-sent events. Without a token they show a public hall. */
export function sseRoutes(parts: HttpReaderParts & { readonly sse: SseTransport }): Routes {
  const routes = newRoutes();
  routes.openapi(getStream, async (c) => {
    const reader = await authenticateReader(c, parts);
    // Nobody would read the body, so it would never end.
    if (c.req.method === "HEAD") return new Response(null, { headers: SSE_HEADERS }) as never;
    const asked = c.req.valid("query");
    // A browser that reconnects repeats the address and adds the id of the last event; what stands in for its EventSource adds it to the address.
    const from = c.req.header("Last-Event-ID") || asked.lastEventId || asked.cursor;
    const request = c.req.raw;
    c.env.server?.timeout(request, 0);
    return parts.sse.open({
      reader,
      cursor: from,
      max: asked.max,
      ip: c.env.ip,
      userAgent: c.req.header("User-Agent") ?? "",
      onServerEnd: flushOf(request, c.env.server),
      signal: request.signal,
    }) as never;
  });
  return routes;
}

/** A separate function, because what it closes over lives as long as the stream: the request, and nothing of the framework's. */
function flushOf(request: Request, server: AppBindings["server"]): () => void {
  return () => server?.timeout(request, FLUSH_SECONDS);
}
