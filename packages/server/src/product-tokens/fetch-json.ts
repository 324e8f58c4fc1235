import { withDeadline } from "../lib/interval.ts";

/** The answer is not what was requested; the message says what it was, for the log. */
export class FetchFailed extends Error {
  override name = "FetchFailed";
}

/**
 * The JSON at an address, which takes a bounded time and a bounded size. Redirects are not followed: only the address in the settings is trusted.
 * @throws FetchFailed
 */
export async function fetchJson(
  url: string,
  bounds: { maxBytes: number; timeoutMs: number; signal: AbortSignal },
): Promise<unknown> {
  const { maxBytes, timeoutMs } = bounds;
  const abort = new AbortController();
  const signal = AbortSignal.any([abort.signal, bounds.signal]);
  try {
    const text = textAt(url, { maxBytes, signal });
    return JSON.parse(await withDeadline(text, timeoutMs, `no answer within ${timeoutMs} ms`));
  } catch (error) {
    if (error instanceof FetchFailed) throw error;
    if (error instanceof SyntaxError) throw new FetchFailed("the answer is not JSON");
    throw new FetchFailed(error instanceof Error ? error.message : "no answer", { cause: error });
  } finally {
    abort.abort();
  }
}

async function textAt(url: string, { maxBytes, signal }: { maxBytes: number; signal: AbortSignal }): Promise<string> {
  const response = await fetch(url, { redirect: "manual", signal, headers: { Accept: "application/json" } });
  if (response.status !== 200) throw new FetchFailed(`the answer is ${response.status}`);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    if (bytes > maxBytes) throw new FetchFailed(`the answer has more than ${maxBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
