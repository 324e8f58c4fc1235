import { uptimeMs } from "../lib/uptime.ts";
import type { Finding } from "./finding.ts";

const ANSWER_MS = 10_000;
/** The first frame is sent at once; a proxy that buffers output holds it back until there is much more. */
const AT_ONCE_MS = 3000;

/** Whether events over SSE arrive when the server sends them. Never rejects. */
export async function checkEventStream(url: URL, token: string | undefined): Promise<Finding> {
  const abort = new AbortController();
  const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(ANSWER_MS)]);
  const started = uptimeMs();
  try {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const response = await fetch(new URL("/api/v1/events/stream", url), { signal, headers });
    if (response.status === 401 && token === undefined)
      return { level: "skip", text: "whether a proxy holds pushes over SSE back was not checked; --token TOKEN does" };
    if (response.status === 404)
      return { level: "fail", text: "SSE is refused with 404: a proxy does not forward /api/v1/events/stream" };
    if (response.status !== 200) return { level: "fail", text: `SSE is refused with ${response.status}` };
    await response.body?.getReader().read();
    const ms = Math.round(uptimeMs() - started);
    if (ms <= AT_ONCE_MS) return { level: "ok", text: "SSE arrives at once" };
    return {
      level: "fail",
      text: `SSE arrives ${(ms / 1000).toFixed(1)} s late: a proxy buffers the output (nginx: proxy_buffering off;)`,
    };
  } catch (error) {
    const text =
      error instanceof Error && error.name === "TimeoutError"
        ? BUFFERED
        : `SSE fails: ${error instanceof Error ? error.message : error}`;
    return { level: "fail", text };
  } finally {
    abort.abort();
  }
}

const BUFFERED = `nothing arrives over SSE within ${ANSWER_MS / 1000} s: a proxy buffers the output (nginx: proxy_buffering off;)`;
