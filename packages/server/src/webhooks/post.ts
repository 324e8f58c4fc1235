import { withDeadline } from "../lib/interval.ts";

export interface PostBounds {
  /** From the beginning to the reply's status. */
  readonly timeoutMs: number;
  /** Of the reply's body. */
  readonly maxBytes: number;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

export interface Posted {
  readonly status: number;
  /** As much as was read. */
  readonly text: string;
}

/** There was no reply; the message says why, in a few words. */
export class NoReply extends Error {
  override name = "NoReply";
}

/** How long to wait for the rest of a reply whose status has come. */
const REST_MS = 1000;

/**
 * Sends JSON to one of the product's addresses, which may be slow, gone or broken: it takes a bounded time, reads a bounded part of the reply, and follows no
 * redirect. A body that does not end is cut.
 * @throws NoReply
 */
export async function post(
  url: string,
  { headers, body }: { headers: Readonly<Record<string, string>>; body: string },
  { timeoutMs, maxBytes, signal }: PostBounds,
): Promise<Posted> {
  const abort = new AbortController();
  try {
    const response = await withDeadline(
      fetch(url, {
        method: "POST",
        redirect: "manual",
        headers: { "Content-Type": "application/json", "User-Agent": "Parley", ...headers },
        body,
        signal: AbortSignal.any([abort.signal, signal]),
      }),
      timeoutMs,
      `no reply within ${timeoutMs} ms`,
    );
    const rest = withDeadline(start(response, maxBytes), Math.min(timeoutMs, REST_MS), "the reply does not end");
    return { status: response.status, text: await rest.catch(() => "") };
  } catch (error) {
    throw new NoReply(reasonOf(error), { cause: error });
  } finally {
    abort.abort();
  }
}

async function start({ body }: Response, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body ?? []) {
    bytes += part.byteLength;
    if (bytes > maxBytes) return "";
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "no reply";
  const { code } = error as { code?: unknown };
  return (typeof code === "string" ? code : error.message).slice(0, 200);
}
