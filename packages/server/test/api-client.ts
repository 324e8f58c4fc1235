import { checkAsDocumented } from "./as-documented.ts";

export interface ApiReply<T = unknown> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

/** The HTTP API as a client without a library sees it. */
export class ApiClient {
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #under: string;

  /** @param under the prefix of each path */
  constructor(url: string, token?: string, under = "") {
    this.#url = url;
    this.#token = token;
    this.#under = under;
  }

  /** One request to a path under /api/v1. */
  async call<T = unknown>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<ApiReply<T>> {
    const response = await fetch(`${this.#url}/api/v1${this.#under}${path}`, {
      method,
      // Nobody signs the certificates of tests.
      tls: { rejectUnauthorized: false },
      headers: {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(this.#token === undefined ? {} : { Authorization: `Bearer ${this.#token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const { status, headers: replied } = response;
    const seen = { status, body: text === "" ? undefined : JSON.parse(text), headers: replied };
    checkAsDocumented({ method, path: `/api/v1${this.#under}${path}`, ...seen });
    return seen;
  }

  /** The body of a request that succeeds. @throws with the problem document otherwise */
  async ok<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const reply = await this.call<T>(method, path, body);
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
    return reply.body;
  }
}
