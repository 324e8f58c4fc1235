import { Doors } from "./doors.ts";
import { monotonicMs } from "./monotonic-clock.ts";

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

/** The last answer to a request that was repeated until there was one. */
export interface LastAnswer extends Answer {
  /** How often it was asked. */
  readonly tries: number;
  /** When the last time was, by `monotonic-clock.ts`, and which server answered. */
  readonly askedAt: number;
  readonly node: number;
}

/** Longer than a restart takes. A request that hangs for ever would be a finding in itself. */
const ANSWER_MS = 15_000;
/** Of several servers, one may stand still for longer. What it was asked is not asked elsewhere in the meantime: it does it when it goes on. */
const ANSWER_OF_SEVERAL_MS = 40_000;
const PAUSE_MS = 60;

/** Plain requests straight to the server, past the proxy: the requests of these people are not what is tested. */
export class Requests {
  readonly #doors: Doors;
  readonly #answerMs: number;
  #over = false;
  /** Requests that were repeated because no answer came or the server was down. */
  retries = 0;

  /** @param ports where the servers answer */
  constructor(ports: readonly number[]) {
    this.#doors = new Doors(ports.map((port) => `http://127.0.0.1:${port}`));
    this.#answerMs = ports.length > 1 ? ANSWER_OF_SEVERAL_MS : ANSWER_MS;
  }

  /** From now on, no request is retried. */
  end(): void {
    this.#over = true;
  }

  once(by: Person | undefined, method: string, path: string, body?: unknown): Promise<Omit<LastAnswer, "tries">> {
    const request = { by, method, path, body, withinMs: this.#answerMs };
    return this.#doors.through(async (url, node) => {
      const askedAt = monotonicMs();
      return { ...(await askOnce(url, request)), askedAt, node };
    });
  }

  /**
   * Asks until a final answer comes: through kills, drains and overload.
   * @returns the answer; the status is 0 only after `end`
   */
  async ask(by: Person | undefined, method: string, path: string, body?: unknown): Promise<LastAnswer> {
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

interface Request {
  readonly by: Person | undefined;
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly withinMs: number;
}

/** Asks one server. @param url without a path */
export async function askOnce(url: string, { by, method, path, body, withinMs }: Request): Promise<Answer> {
  try {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: {
        "Content-Type": "application/json",
        ...(by && { Authorization: `Bearer ${by.token}` }),
      },
      signal: AbortSignal.timeout(withinMs),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? {} : (JSON.parse(text) as Answer["body"]) };
  } catch {
    return { status: 0, body: {} };
  }
}
