import type { Granted } from "./api-types.ts";
import type { Http } from "./http.ts";
import { ParleyError } from "./parley-error.ts";

interface ByToken {
  /**
   * A login's token, or a function that is called whenever one is needed. It gets the token that was refused or ends soon, so that it
   * returns another one. Either this or `login`.
   */
  readonly token: string | ((ending?: string) => string | Promise<string>);
  readonly login?: undefined;
}

interface ByPassword {
  /** Signs in once, at the start. */
  readonly login: { readonly name: string; readonly password: string };
  readonly token?: undefined;
}

/** How a client signs in: by one of the two. */
export type SignIn = ByToken | ByPassword;

/** The source of the token: given, returned by a function, or obtained by signing in once. */
export class TokenSource {
  readonly #options: SignIn;
  readonly #http: Http;
  readonly #withinMs: number;
  /** A later token, given at a start. */
  #given: string | undefined;
  #signingIn: Promise<string> | undefined;
  /** The token of the previous login, by which the server knows the device when it signs in again. */
  #before: string | undefined;
  current: string | undefined;

  constructor(options: SignIn, http: Http, withinMs: number) {
    if ((options.token === undefined) === (options.login === undefined)) {
      throw new TypeError("createClient takes either `token` or `login`");
    }
    this.#options = options;
    this.#http = http;
    this.#withinMs = withinMs;
  }

  /** Before a start: a new token replaces every other one. @returns whether it differs from the one in use */
  begin(token: string | undefined): boolean {
    this.#given = token ?? this.#given;
    return token !== undefined && token !== this.current;
  }

  /** The login has ended: the next start signs in anew. */
  forget(): void {
    this.#before = this.current;
    this.#signingIn = undefined;
    this.#given = undefined;
    this.current = undefined;
  }

  /** @throws ParleyError, or what the product's function throws */
  async get(ending?: string): Promise<string> {
    const token = await this.find(ending);
    if (token) return token;
    throw new ParleyError(401, { code: "unauthorized", title: "There is no token" });
  }

  /** The same; undefined for a visitor, whose token is an empty string. */
  async find(ending?: string): Promise<string | undefined> {
    // A token that was given at a start has ended now; the product's function gives the next one.
    if (ending && this.#given === ending) this.#given = undefined;
    const own = this.#given ?? this.#own(ending);
    const token = typeof own === "string" ? own : await own;
    // A token that was given meanwhile replaces it.
    this.current = this.#given ?? token;
    return this.current || undefined;
  }

  #own(ending?: string): string | Promise<string> {
    const { token, login } = this.#options;
    if (typeof token === "string") return token;
    if (token) return token(ending);
    this.#signingIn ??= this.#signIn(login as { name: string; password: string });
    return this.#signingIn;
  }

  async #signIn(body: { name: string; password: string }): Promise<string> {
    try {
      const ask = { body, token: this.#before, withinMs: this.#withinMs };
      return ((await this.#http.call("POST", "/logins", ask)) as Granted).token;
    } catch (error) {
      this.#signingIn = undefined;
      throw error;
    }
  }
}
