import type { ReadDatabase } from "../db/open.ts";
import type { Writes } from "../db/writer.ts";
import { batched } from "../lib/batched.ts";
import type { Clock } from "../lib/clock.ts";
import type { ProductLoginId } from "../lib/login-id.ts";
import { ProblemError } from "../lib/problem.ts";
import { RecentChanges } from "../lib/recent-changes.ts";
import type { Rates } from "../limits/rates.ts";
import type { ProductClaims } from "../product-tokens/claims.ts";
import { isProductTokenForm, type ProductTokens, SKEW_MS } from "../product-tokens/product-tokens.ts";
import { bannedProblem } from "./banned.ts";
import { LoginCache } from "./login-cache.ts";
import { noteSeen } from "./logins-upkeep.ts";
import { isEnded, knowsBetter, type ProductStanding, standingsOf } from "./product-people.ts";
import { followProductTokens } from "./product-people-writes.ts";
import type { SignedIn } from "./signed-in.ts";
import { hashOf } from "./tokens.ts";

/** About 8 MB. */
const CACHE_MAX = 20_000;
/** As with logins that have a row: the bound for what no event tells. */
const BELIEVED_MS = 60_000;
const SEEN_EVERY_MS = 5 * 60_000;
const SEEN_MAX = 10_000;
const TRIES = 5;
const READ_TOGETHER = 64;
/** Hexadecimal digits of what tells a person's devices apart. */
const DEVICE_DIGITS = 32;

export interface ProductLoginsParts {
  readonly db: ReadDatabase;
  readonly writes: Writes;
  readonly clock: Clock;
  readonly rates: Pick<Rates, "accountsAgain">;
  readonly tokens: Pick<ProductTokens, "verify">;
}

/**
 * The logins that tokens of the product's own make. They have no rows: what a token says is checked once and then believed from
 * memory for a minute at a time, and the person's row says until when tokens of theirs are refused. The first token of a person
 * makes their account.
 */
export class ProductLogins {
  readonly #parts: ProductLoginsParts;
  readonly #cache = new LoginCache(CACHE_MAX);
  readonly #standingOf: (externalId: string) => Promise<ProductStanding>;
  /** Checks under way, by the token's hash: many connections may bring the same token at once. */
  readonly #checking = new Map<string, Promise<ProductClaims | undefined>>();
  /** See `Logins`: a read that was overtaken by a change of its own is done again. */
  #changes = 0;
  readonly #changedUsers = new RecentChanges<number>(0);
  readonly #seen = new Set<number>();

  constructor(parts: ProductLoginsParts) {
    this.#parts = parts;
    this.#standingOf = batched(async (ids) => {
      const found = await standingsOf(parts.db, ids);
      return ids.map((id) => found.get(id) as ProductStanding);
    }, READ_TOGETHER);
  }

  /**
   * The login of one of the product's own tokens; undefined for one that is not right, has expired, or was made before its person was
   * signed out everywhere. What was announced before the call counts.
   * @throws ProblemError `account_disabled`, `banned`; `rate_limited` where the person deletes one account after the other; `overloaded` where the
   *   keys cannot be read or too many come at once
   */
  async find(token: string): Promise<SignedIn | undefined> {
    if (!isProductTokenForm(token)) return undefined;
    const hash = hashOf(token);
    const known = this.#cache.get(hash, this.#parts.clock.now());
    if (known) return known;
    const claims = await this.#check(hash, token);
    return claims && this.#signedIn(hash, claims);
  }

  /** Forgets what is remembered of a user who was changed, signed out or disabled. */
  forgetUser(uid: number): void {
    this.#changes += 1;
    this.#changedUsers.note(uid, this.#changes);
    this.#cache.forgetUser(uid);
  }

  /** Called every few seconds and before the end: writes who was seen. */
  async sweep(): Promise<void> {
    if (this.#seen.size === 0) return;
    const uids = [...this.#seen];
    this.#seen.clear();
    await this.#parts.writes.run(noteSeen, { loginIds: [], uids });
  }

  async #check(hash: string, token: string): Promise<ProductClaims | undefined> {
    const underWay = this.#checking.get(hash);
    if (underWay) return underWay;
    const checking = this.#parts.tokens.verify(token).finally(() => this.#checking.delete(hash));
    this.#checking.set(hash, checking);
    return checking;
  }

  async #signedIn(hash: string, claims: ProductClaims): Promise<SignedIn | undefined> {
    const { clock, rates, writes } = this.#parts;
    const { externalId, name, avatar, issuedAt } = claims;
    let followed = false;
    for (let tries = 0; tries < TRIES; tries++) {
      const changes = this.#changes;
      const standing = await this.#standingOf(externalId);
      const { person } = standing;
      if (person && this.#changedUsers.changedSince(person.uid, changes)) continue;
      if (person?.disabled) throw new ProblemError("account_disabled");
      if (person?.ban) throw bannedProblem(person.ban);
      if (isEnded(standing, claims)) return undefined;
      const now = clock.now();
      if (!person || (!followed && knowsBetter(claims, person, now))) {
        if (!person && standing.endedUntil !== undefined) rates.accountsAgain.take(externalId);
        followed = true;
        await writes.run(followProductTokens, { externalId, name, avatar, issuedAt });
        continue;
      }
      return this.#remember(hash, claims, { ...person, now });
    }
    throw new ProblemError("overloaded", undefined, { retryAfterMs: 1000 });
  }

  #remember(
    hash: string,
    claims: ProductClaims,
    person: NonNullable<ProductStanding["person"]> & { now: number },
  ): SignedIn | undefined {
    const { uid, power, name, avatar, now } = person;
    const tokenExpiresAt = claims.expiresAt;
    const expiresAt = tokenExpiresAt + SKEW_MS;
    if (expiresAt <= now) return undefined;
    const loginId = loginIdOf(uid, claims.session === undefined ? `token ${hash}` : `session ${claims.session}`);
    const signedIn = { loginId, uid, power, name, avatar, expiresAt, tokenExpiresAt };
    this.#cache.set(hash, { signedIn, until: Math.min(expiresAt, now + BELIEVED_MS) });
    if (now - person.lastSeenAt >= SEEN_EVERY_MS && this.#seen.size < SEEN_MAX) this.#seen.add(uid);
    return signedIn;
  }
}

/** The product's session, or the token itself, told by a hash: it stands in log lines. */
function loginIdOf(uid: number, device: string): ProductLoginId {
  return `${uid}/${hashOf(device).slice(0, DEVICE_DIGITS)}`;
}
