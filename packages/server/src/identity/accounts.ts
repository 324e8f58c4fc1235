/**
 * Identity: who somebody is and on which devices he is signed in. Accounts (this file), their names and passwords,
 * logins and their tokens, signing in by QR code, and the HTTP routes of all these.
 *
 * - A name is unique by its key (`names.ts`); the unique index decides, whatever was checked before.
 * - A token exists in clear only in the reply that grants it; stored, looked up and remembered is its hash.
 * - No answer tells whether an account exists but registering: a wrong name and a wrong password cost and say the same.
 * - A login that ends is forgotten here, and its connections are closed, by the same event of the internal stream.
 *
 * Every change is a write procedure (`*-writes.ts`). Must not import rooms, messages or any other feature.
 */
import type { Config } from "../config/config.ts";
import type { ReadDatabase } from "../db/open.ts";
import type { Writes } from "../db/writer.ts";
import { perWindow, RateLimit } from "../http/rate-limit.ts";
import type { Clock } from "../lib/clock.ts";
import { ipLimitKey } from "../lib/ip-range.ts";
import { ProblemError } from "../lib/problem.ts";
import { createAccount } from "./accounts-writes.ts";
import type { Granted } from "./logins.ts";
import { createLogin } from "./logins-writes.ts";
import { nameKey } from "./names.ts";
import type { Passwords } from "./passwords.ts";
import { hashOf, newToken } from "./tokens.ts";

/** Name, password and where the request comes from. */
export interface Credentials {
  readonly name: string;
  readonly password: string;
  readonly ip: string;
  readonly userAgent: string;
}

const TEN_MINUTES_MS = 600_000;
const PER_ADDRESS = 20;
const FAILURES_PER_NAME = 5;
/** Longer keys share their count; no account has one. */
const LIMIT_KEY_LENGTH = 64;

/** Making accounts and signing in with a password. */
export class Accounts {
  readonly #db: ReadDatabase;
  readonly #writes: Writes;
  readonly #passwords: Passwords;
  readonly #clock: Clock;
  readonly #open: boolean;
  readonly #perAddress: RateLimit;
  readonly #failures: RateLimit;

  constructor(parts: {
    db: ReadDatabase;
    writes: Writes;
    passwords: Passwords;
    clock: Clock;
    config: Pick<Config, "accounts" | "rateLimits">;
  }) {
    const { clock, config } = parts;
    this.#db = parts.db;
    this.#writes = parts.writes;
    this.#passwords = parts.passwords;
    this.#clock = clock;
    this.#open = config.accounts.registration === "open";
    const limit = (what: string, count: number) =>
      new RateLimit({ what, rate: perWindow(count, TEN_MINUTES_MS), clock, enabled: config.rateLimits });
    this.#perAddress = limit("sign-ins and new accounts from this address", PER_ADDRESS);
    this.#failures = limit("failed sign-ins to this account", FAILURES_PER_NAME);
  }

  /**
   * @param who name and password as their schemas return them
   * @throws ProblemError `registration_closed`, `rate_limited`, `name_taken`, `overloaded`
   */
  async register({ name, password, ip, userAgent }: Credentials): Promise<Granted> {
    if (!this.#open) throw new ProblemError("registration_closed");
    this.#perAddress.take(ipLimitKey(ip));
    // Spares the hash; two at the same moment are told apart by the write.
    if (await this.#find(nameKey(name))) throw new ProblemError("name_taken");
    const passwordHash = await this.#passwords.hash(password);
    const token = newToken();
    const now = this.#clock.now();
    const account = { name, passwordHash, tokenHash: hashOf(token), ip, userAgent, now };
    return { ...(await this.#writes.run(createAccount, account)), token };
  }

  /** @throws ProblemError `unauthorized` for a wrong name or password alike, `rate_limited`, `overloaded` */
  async signIn({ name, password, ip, userAgent }: Credentials): Promise<Granted> {
    this.#perAddress.take(ipLimitKey(ip));
    const key = nameKey(name);
    const account = await this.#find(key);
    const limitKey = key.slice(0, LIMIT_KEY_LENGTH);
    // Counted before the comparison and given back after a right one: many at once find no gap between looking and
    // counting.
    const count = () => this.#failures.take(limitKey);
    const right = await this.#passwords.verify(password, account?.password_hash ?? null, count);
    if (!account || !right) throw new ProblemError("unauthorized", "The name or the password is wrong");
    this.#failures.reset(limitKey);
    const token = newToken();
    const login = { uid: account.uid, tokenHash: hashOf(token), ip, userAgent, via: "password" as const };
    return { ...(await this.#writes.run(createLogin, { ...login, now: this.#clock.now() })), token };
  }

  #find(key: string) {
    return this.#db.selectFrom("users").select(["uid", "password_hash"]).where("name_key", "=", key).executeTakeFirst();
  }
}
