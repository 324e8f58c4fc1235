import type { LoginId } from "../lib/login-id.ts";
import type { SignedIn } from "./signed-in.ts";

export interface CachedLogin {
  readonly signedIn: SignedIn;
  /** Epoch milliseconds until which this may be believed without asking the database. */
  readonly until: number;
}

/**
 * Logins by the hash of their token, in memory, a bounded number; the longest unused one goes first. A login has
 * two entries while its previous token is valid. Tokens that are not found are never remembered: a list of wrong guesses
 * would push out the logins in use.
 */
export class LoginCache {
  readonly #max: number;
  /** Least recently used first. */
  readonly #byHash = new Map<string, CachedLogin>();
  readonly #hashesByLogin: Lists<LoginId, string> = new Map();
  readonly #loginsByUser: Lists<number, LoginId> = new Map();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#byHash.size;
  }

  get(hash: string, now: number): SignedIn | undefined {
    const known = this.#byHash.get(hash);
    if (!known) return undefined;
    if (known.until <= now) {
      this.#forget(hash, known.signedIn);
      return undefined;
    }
    this.#byHash.delete(hash);
    this.#byHash.set(hash, known);
    return known.signedIn;
  }

  set(hash: string, login: CachedLogin): void {
    const { loginId, uid } = login.signedIn;
    this.#byHash.set(hash, login);
    add(this.#hashesByLogin, loginId, hash);
    add(this.#loginsByUser, uid, loginId);
    if (this.#byHash.size <= this.#max) return;
    const [oldest, { signedIn }] = this.#byHash.entries().next().value as [string, CachedLogin];
    this.#forget(oldest, signedIn);
  }

  forgetLogin(loginId: LoginId): void {
    for (const hash of valuesOf(this.#hashesByLogin, loginId)) {
      const known = this.#byHash.get(hash);
      if (known) this.#forget(hash, known.signedIn);
    }
  }

  forgetUser(uid: number): void {
    for (const loginId of valuesOf(this.#loginsByUser, uid)) this.forgetLogin(loginId);
  }

  #forget(hash: string, { loginId, uid }: SignedIn): void {
    this.#byHash.delete(hash);
    remove(this.#hashesByLogin, loginId, hash);
    if (!this.#hashesByLogin.has(loginId)) remove(this.#loginsByUser, uid, loginId);
  }
}

/** Lists are replaced, never changed, so that a loop over one may remove its entries. Most have one value, which is stored without a list. */
type Lists<K, V extends string | number> = Map<K, V | readonly V[]>;

function valuesOf<K, V extends string | number>(lists: Lists<K, V>, key: K): readonly V[] {
  const values = lists.get(key) ?? [];
  return typeof values === "object" ? values : [values];
}

function add<K, V extends string | number>(lists: Lists<K, V>, key: K, value: V): void {
  const values = valuesOf(lists, key);
  if (values.length === 0) lists.set(key, value);
  else if (!values.includes(value)) lists.set(key, [...values, value]);
}

function remove<K, V extends string | number>(lists: Lists<K, V>, key: K, value: V): void {
  const rest = valuesOf(lists, key).filter((one) => one !== value);
  if (rest.length === 0) lists.delete(key);
  else lists.set(key, rest);
}
