import { delay } from "../../src/lib/interval.ts";
import { checkAsDocumented } from "../as-documented.ts";
import type { Person } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import { FrameLog, type Reader, Refused, refusal, type Start, type Transport } from "./reader.ts";

interface Reply {
  readonly events: SeenFrame[];
  readonly cursor: string;
  readonly more: boolean;
}

/** Few events in a reply, so that `more` is followed often. */
const LIMIT = 50;
const SHORT_POLL_MS = 20;

export const longPoll: Transport = { name: "long-poll", open: (...of) => open(of, { wait: 20, method: "POST" }) };
export const shortPoll: Transport = { name: "short-poll", open: (...of) => open(of, { wait: 0, method: "POST" }) };
/** The same with the cursor in the address, which proxies in between may find too long. */
export const shortPollByGet: Transport = { name: "short-poll", open: (...of) => open(of, { wait: 0, method: "GET" }) };

interface How {
  readonly wait: number;
  readonly method: "GET" | "POST";
}

/** Polls again and again, with the cursor of the last reply; a request that fails is repeated. */
async function open(
  [url, person, start = {}]: [string, Person | null, (Start | undefined)?],
  { wait, method }: How,
): Promise<Reader> {
  const log = new FrameLog(start.cursor);
  const abort = new AbortController();
  const ask = async (cursor: string | undefined, waitSeconds: number): Promise<Reply> => {
    const question = { cursor, max: start.max, limit: LIMIT, wait: waitSeconds };
    const authorization = person ? { Authorization: `Bearer ${person.token}` } : {};
    const headers = { ...authorization, "Content-Type": "application/json" };
    const init = { method, headers, signal: abort.signal };
    const response = await (method === "GET"
      ? fetch(`${url}/api/v1/events?${queryOf(question)}`, init)
      : fetch(`${url}/api/v1/events`, { ...init, body: JSON.stringify(question) }));
    if (response.status !== 200) throw await refusal(response);
    const { status, headers: replied } = response;
    const body = (await response.json()) as Reply;
    checkAsDocumented({ method, path: "/api/v1/events", status, headers: replied, body });
    return body;
  };
  const take = ({ events, cursor }: Reply) => {
    if (abort.signal.aborted) return;
    for (const frame of events) log.add(frame);
    log.stands(cursor);
  };
  const first = await ask(start.cursor, 0);
  take(first);
  const loop = async () => {
    for (let { cursor, more } = first; !abort.signal.aborted; ) {
      if (wait === 0 && !more) await delay(SHORT_POLL_MS, abort.signal);
      const reply = await ask(cursor, wait);
      take(reply);
      ({ cursor, more } = reply);
    }
  };
  loop().catch((error: unknown) => log.end(error instanceof Refused ? error.status : 1006));
  return {
    frames: log.frames,
    get ended() {
      return log.ended;
    },
    until: log.until.bind(log),
    cursor: () => log.cursor(),
    close: () => abort.abort(),
  };
}

function queryOf(question: Record<string, string | number | undefined>): URLSearchParams {
  const given = Object.entries(question).filter(([, value]) => value !== undefined);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
}
