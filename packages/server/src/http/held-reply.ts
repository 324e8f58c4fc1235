import type { Routes } from "./openapi.ts";

/**
 * Replies that do not exist yet. A request that waits for a minute would keep everything alive that the framework made for it: the context
 * and a dozen waiting functions. So its route answers at once with a placeholder, which takes the headers that every reply gets, and the
 * reply replaces the placeholder later.
 */
interface Held {
  readonly reply: Promise<Response>;
  onReply: ((status: number) => void) | undefined;
}

/** Answers what rejected a reply. */
type Failed = (thrown: unknown, request: { method: string; path: string }) => Response;

const held = new WeakMap<Response, Held>();

/** The placeholder of a reply. What rejects `reply` is answered like what a route throws. */
export function holdReply(reply: Promise<Response>): Response {
  const placeholder = new Response(null);
  held.set(placeholder, { reply, onReply: undefined });
  return placeholder;
}

/**
 * Calls `seen` with the status of a reply: now, or, for a held reply, when it exists. Once for each response.
 */
export function whenReplied(response: Response, seen: (status: number) => void): void {
  const one = held.get(response);
  if (one) one.onReply = seen;
  else seen(response.status);
}

/** Makes an app replace placeholders with the held replies. */
export function answerHeld<A extends Pick<Routes, "fetch">>(app: A, failed: Failed): A {
  const { fetch } = app;
  app.fetch = async (request, ...rest) => {
    const response = await fetch(request, ...rest);
    const one = held.get(response);
    if (!one) return response;
    // Nothing here closes over the request, which would live as long as the reply is held.
    return replyFor(one, response.headers, { failed, method: request.method, path: new URL(request.url).pathname });
  };
  return app;
}

/** The reply, with the headers of its placeholder. */
async function replyFor(
  one: Held,
  headers: Headers,
  { failed, ...request }: { failed: Failed; method: string; path: string },
): Promise<Response> {
  const reply = await one.reply.catch((thrown: unknown) => failed(thrown, request));
  for (const [name, value] of headers) if (!reply.headers.has(name)) reply.headers.set(name, value);
  one.onReply?.(reply.status);
  return reply;
}
