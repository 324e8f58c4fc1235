import type { Fetch } from "../lib/surroundings.ts";
import { after } from "../lib/timers.ts";
import { ParleyError } from "./parley-error.ts";

/*
 * api/: requests to one server: how they are made, what they are called and take (`api-types.ts`, which is made from the server's
 * document), how a refusal looks, and where the token comes from. A request is made once and answered once; whether to
 * try again is for those who ask. It imports lib/ and the protocol only.
 */

export interface Ask {
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Undefined: no token is sent. */
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For the headers, and then for each piece of the body: on a slow line a reply may take any time, as long as something comes. */
  readonly withinMs: number;
}

/** For a whole body where the platform does not show its pieces. */
const UNSEEN_BODY_MS = 300_000;

/** Nothing is tried again here. */
export class Http {
  readonly #url: string;
  readonly #fetch: Fetch;
  readonly #onAnswer: () => void;

  /** @param onAnswer called when a request has succeeded */
  constructor(url: string, fetch: Fetch, onAnswer: () => void) {
    this.#url = url;
    this.#fetch = fetch;
    this.#onAnswer = onAnswer;
  }

  /**
   * The JSON body of a reply, undefined for an empty one. `path` begins below /api/v1.
   * @throws ParleyError
   */
  call(method: string, path: string, ask: Ask): Promise<unknown> {
    return this.#within({ ask, keep: false }, async (signal, more) => {
      const response = await this.#open(method, path, { ...ask, signal }, more);
      const text = await textOf(response, more);
      const reply = text === "" ? undefined : JSON.parse(text);
      this.#onAnswer();
      return reply;
    });
  }

  /**
   * A reply whose body is read by the caller, until `ask.signal` fires; `withinMs` is for the headers.
   * @throws ParleyError
   */
  stream(path: string, ask: Ask): Promise<Response> {
    return this.#within({ ask, keep: true }, (signal, more) => this.#open("GET", path, { ...ask, signal }, more));
  }

  /** `keep`: the request goes on after `work`, and still ends with the caller's signal. */
  async #within<T>(
    { ask, keep }: { ask: Ask; keep: boolean },
    work: (signal: AbortSignal, more: More) => Promise<T>,
  ): Promise<T> {
    const abort = new AbortController();
    const end = () => abort.abort();
    let cancel = after(ask.withinMs, end);
    const more: More = (ms = ask.withinMs) => {
      cancel();
      cancel = after(ms, end);
    };
    if (ask.signal?.aborted) end();
    ask.signal?.addEventListener("abort", end, { once: true });
    try {
      return await work(abort.signal, more);
    } catch (error) {
      throw error instanceof ParleyError ? error : new ParleyError(0);
    } finally {
      cancel();
      if (!keep) ask.signal?.removeEventListener("abort", end);
    }
  }

  async #open(method: string, path: string, ask: Ask, more: More): Promise<Response> {
    const { query, body, token, headers, signal } = ask;
    const asked = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) if (value != null) asked.set(name, String(value));
    const search = asked.size > 0 ? `?${asked}` : "";
    // Browsers refuse a fetch that is called as a method of something else.
    const fetch = this.#fetch;
    const response = await fetch(`${this.#url}/api/v1${path}${search}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: signal ?? null,
    });
    if (response.ok) return response;
    const text = await textOf(response, more).catch(() => "");
    throw new ParleyError(
      response.status,
      problemOf(text, response.status),
      retryAfterMs(response.headers.get("Retry-After")),
    );
  }
}

/** Something has come: the time for the next piece begins. */
type More = (ms?: number) => void;

async function textOf(response: Response, more: More): Promise<string> {
  const reader = response.body?.getReader?.();
  if (!reader) {
    more(UNSEEN_BODY_MS);
    return response.text();
  }
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    more();
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
  }
}

/** Empty where a proxy has answered with a page or a document of its own. */
function problemOf(text: string, status: number): Record<string, unknown> {
  try {
    const problem = JSON.parse(text);
    if (typeof problem.code === "string" && problem.status === status) return problem;
  } catch {}
  return {};
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
