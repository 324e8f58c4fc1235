/** An account of the run, signed in over HTTP. */
export interface Person {
  readonly uid: number;
  readonly name: string;
  readonly token: string;
}

export interface Answer {
  /** 0 if there was no answer, or a broken one. */
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Longer than a restart takes. A request that hangs for ever would be a finding in itself. */
const ANSWER_MS = 15_000;
const PAUSE_MS = 60;

/** Plain requests straight to the server, past the proxy: the requests of these people are not what is tested. */
export class Requests {
  readonly #url: string;
  #over = false;
  /** Requests that were repeated because no answer came or the server was down. */
  retries = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /** From now on, no request is retried. */
  end(): void {
    this.#over = true;
  }

  async once(by: Person | undefined, method: string, path: string, body?: unknown): Promise<Answer> {
    try {
      const response = await fetch(`${this.#url}/api/v1${path}`, {
        method,
        headers: {
          "Content-Type": "application/json",
          ...(by && { Authorization: `Bearer ${by.token}` }),
        },
        signal: AbortSignal.timeout(ANSWER_MS),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: text === "" ? {} : (JSON.parse(text) as Answer["body"]) };
    } catch {
      return { status: 0, body: {} };
    }
  }

  /**
   * Asks until a final answer comes: through kills, drains and overload.
   * @returns the answer, and how often there was none before; the status is 0 only after `end`
   */
  async ask(by: Person | undefined, method: string, path: string, body?: unknown): Promise<Answer & { tries: number }> {
    for (let tries = 1; ; tries++) {
      const answer = await this.once(by, method, path, body);
      const final = answer.status !== 0 && answer.status !== 429 && answer.status < 500;
      if (final || this.#over) return { ...answer, tries };
      this.retries += 1;
      await Bun.sleep(PAUSE_MS);
    }
  }

  async signUp(name: string): Promise<Person> {
    const { status, body } = await this.ask(undefined, "POST", "/accounts", { name, password: "a long password" });
    if (status !== 201) throw new Error(`no account for ${name}: ${status} ${JSON.stringify(body)}`);
    const { user, token } = body as { user: { uid: number }; token: string };
    return { uid: user.uid, name, token };
  }
}
