import type { Http } from "../../api/http.ts";
import { ParleyError } from "../../api/parley-error.ts";
import type { Timing } from "../../lib/timing.ts";
import type { Opened, Start, Transport, TransportEnd, TransportEvents } from "./transport.ts";

/** How a failed request ended its transport. */
export function endOf(error: unknown): TransportEnd {
  if (!(error instanceof ParleyError) || error.status === 0) return { kind: "failed" };
  const { status, code, retryAfterMs } = error;
  return { kind: "refused", status, code, retryAfterMs };
}

/** Characters that an address has room for, whatever stands before the server. */
const SHORT_CURSOR = 1_000;

/** An event stream over `fetch`, which can send the token in a header and see why it was refused; an EventSource can do neither. */
export function sseTransport(http: Http, { openMs }: Pick<Timing, "openMs">): Transport {
  return {
    name: "sse",
    open(start: Start, on: TransportEvents): Opened {
      follow({ http, openMs, start, on }).catch((error: unknown) => {
        if (start.signal.aborted) return;
        const end = endOf(error);
        // The address has no room for a long cursor; where none was sent, a 431 is about something else, such as cookies.
        const isTooLong = "status" in end && end.status === 431 && (start.cursor ?? "").length > SHORT_CURSOR;
        on.ended(isTooLong ? { ...end, code: "cursor_malformed" } : end);
      });
      return {};
    },
  };
}

async function follow(work: { http: Http; openMs: number; start: Start; on: TransportEvents }): Promise<void> {
  const { http, openMs, start, on } = work;
  const { token, cursor, max, signal } = start;
  const response = await http.stream("/events/stream", { token, query: { cursor, max }, signal, withinMs: openMs });
  if (signal.aborted) return;
  if (!response.body || !response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
    void response.body?.cancel().catch(() => {});
    return on.ended({ kind: "unsuited" });
  }
  on.opened();
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (signal.aborted) return;
    if (done) return on.ended({ kind: "failed" });
    on.alive();
    const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = blocks.pop() as string;
    for (const block of blocks) readBlock(block, on);
  }
}

/** HTML Living Standard, section 9.2.6, as far as this server uses it: `id:` and one line of `data:`. */
function readBlock(block: string, on: TransportEvents): void {
  let id: string | undefined;
  let data: string | undefined;
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith("id:")) id = line.slice(3).trim();
    else if (line.startsWith("data:")) data = line.slice(5);
  }
  if (data !== undefined) on.receive([JSON.parse(data)], id);
}
