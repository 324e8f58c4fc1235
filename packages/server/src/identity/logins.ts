import type { ReadDatabase } from "../db/open.ts";
import { prepared } from "../db/prepared.ts";
import { boundRows } from "../db/rows.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import type { Writes } from "../db/writer.ts";
import { batched } from "../lib/batched.ts";
import type { Clock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import { RecentChanges } from "../lib/recent-changes.ts";
import type { NodeChannel } from "../nodes/channel.ts";
import { BAN_COLUMNS, type Ban, bannedProblem, banOf } from "./banned.ts";
import { INTERNAL_STREAM, Internal, type InternalData } from "./internal-events.ts";
import { LoginCache } from "./login-cache.ts";
import { noteSeen, removeExpiredLogins } from "./logins-upkeep.ts";
import { discardLogin, type MadeLogin } from "./logins-writes.ts";
import type { ProductLogins } from "./product-logins.ts";
import type { SignedIn } from "./signed-in.ts";
import { hashOf, isTokenForm } from "./tokens.ts";

/** A login's token, given out once, with whom it signs in. */
export interface Granted extends MadeLogin {
  readonly token: string;
}

interface ReadLogin {
  readonly signedIn: SignedIn & { readonly loginId: number };
  /** How long the token is valid: a previous one ends before its login. */
  readonly until: number;
  readonly lastSeenAt: number;
  readonly disabled: boolean;
  readonly ban: Ban | undefined;
}

/** About 8 MB. */
const CACHE_MAX = 20_000;
/** A login is read again after this long: the bound for what no event tells, such as another node's refresh. */
const BELIEVED_MS = 60_000;
const SEEN_EVERY_MS = 5 * 60_000;
/** Logins whose last use waits to be written; more are noted at a later use. */
const SEEN_MAX = 10_000;
/** Reads of one login that its own changes may overtake before the caller is told to come back. */
const TRIES = 5;
/** After these nothing that is remembered of a user counts. */
const USER_EVENTS: ReadonlySet<number> = new Set([
  Internal.USER_CHANGED,
  Internal.ACCOUNT_DISABLED,
  Internal.PERSON_BANNED,
  Internal.PRODUCT_LOGINS_ENDED,
]);
/** Expired logins removed by one write. */
const SWEEP_ROWS = 500;

/** By present tokens, and by previous ones while those are valid. */
const loginsByHash = prepared((db, hashes) => {
  const by = (column: "token_hash" | "previous_hash") =>
    db
      .selectFrom(boundRows({ hash: "text" }, hashes).as("asked"))
      .innerJoin("logins", `logins.${column}`, "asked.hash")
      .innerJoin("users", "users.uid", "logins.uid")
      .leftJoin("bans", "bans.uid", "logins.uid")
      .select(["asked.hash", "logins.id", "users.uid", "power", "name", "avatar", "expires_at", "logins.last_seen_at"])
      .select(["token_hash", "previous_until", "via", "disabled_at", ...BAN_COLUMNS]);
  return by("token_hash").unionAll(by("previous_hash"));
});

/** Logins that are looked up together, where many come in the same turn. */
const READ_TOGETHER = 64;

interface LoginsParts {
  readonly db: ReadDatabase;
  readonly writes: Writes;
  readonly clock: Clock;
  readonly isClockSettled?: () => boolean;
  /** Undefined: the product has no tokens of its own here. */
  readonly product?: ProductLogins | undefined;
  readonly cacheMax?: number;
  /** To the other nodes; undefined: there are none. */
  readonly channel?: Pick<NodeChannel, "send" | "on"> | undefined;
}

/** Finds the login of a token. This happens at every request, so most answers come from memory. */
export class Logins {
  readonly #db: ReadDatabase;
  readonly #writes: Writes;
  readonly #clock: Clock;
  readonly #isClockSettled: () => boolean;
  readonly #cache: LoginCache;
  readonly #product: ProductLogins | undefined;
  readonly #rowOf: (hash: string) => Promise<LoginRow | undefined>;
  /** Rises with every change: the moment by which a read and a change are compared. */
  #changes = 0;
  /** Logins and users, by their ids, that changed; a read that was overtaken by a change of its own is done again. */
  readonly #changedLogins = new RecentChanges<number>(0);
  readonly #changedUsers = new RecentChanges<number>(0);
  /** Login id -> uid of those that have been ended while nothing could be written. */
  readonly #refused = new Map<number, number>();
  readonly #channel: LoginsParts["channel"];
  #onRefused: (loginIds: readonly number[]) => void = () => {};
  /** Login id -> uid of those seen since the last sweep. */
  readonly #seen = new Map<number, number>();

  /** @param parts.isClockSettled whether what has expired by the clock may be removed; without it, it may */
  constructor(parts: LoginsParts) {
    this.#db = parts.db;
    this.#product = parts.product;
    this.#writes = parts.writes;
    this.#clock = parts.clock;
    this.#isClockSettled = parts.isClockSettled ?? (() => true);
    this.#cache = new LoginCache(parts.cacheMax ?? CACHE_MAX);
    this.#rowOf = batched((hashes) => rowsOf(parts.db, hashes), READ_TOGETHER);
    this.#channel = parts.channel;
    this.#channel?.on("login-renewed", ({ loginId }) => {
      if (typeof loginId === "number") this.forget(loginId);
    });
    this.#channel?.on("logins-refused", ({ uid, loginIds }) => {
      if (typeof uid === "number" && isListOfNumbers(loginIds)) this.#refuse(uid, loginIds);
    });
  }

  /**
   * The login of a token; undefined for one that is unknown, expired or revoked. What was announced before the call
   * counts.
   * @throws ProblemError `account_disabled`, `banned`; see `ProductLogins` for tokens of the product's own
   */
  async find(token: string): Promise<SignedIn | undefined> {
    if (!isTokenForm(token)) return this.#product?.find(token);
    const hash = hashOf(token);
    const now = this.#clock.now();
    const known = this.#cache.get(hash, now);
    if (known) return known;
    for (let tries = 0; tries < TRIES; tries++) {
      const changes = this.#changes;
      const read = await this.#read(hash, now);
      // A token that was not found belongs to no login that could have changed meanwhile.
      if (!read) return undefined;
      if (this.#changedSince(read.signedIn, changes)) continue;
      if (this.#refused.has(read.signedIn.loginId)) return undefined;
      if (read.disabled) throw new ProblemError("account_disabled");
      if (read.ban) throw bannedProblem(read.ban);
      this.#remember(hash, read, now);
      return read.signedIn;
    }
    throw new ProblemError("overloaded", undefined, { retryAfterMs: 1000 });
  }

  /** Called for every announced event: what it changes is forgotten before the change's own reply is sent. */
  onEvent(event: LoggedEvent): void {
    if (event.stream !== INTERNAL_STREAM) return;
    if (event.type === Internal.LOGINS_REVOKED) {
      for (const loginId of (JSON.parse(event.data) as InternalData[-1]).loginIds) this.forget(loginId);
    } else if (USER_EVENTS.has(event.type)) {
      const { uid } = JSON.parse(event.data) as InternalData[-3 | -4 | -6 | -11];
      this.#changes += 1;
      this.#changedUsers.note(uid, this.#changes);
      this.#cache.forgetUser(uid);
      this.#product?.forgetUser(uid);
    }
  }

  /** It got another token. No event tells that; a node that does not hear of it believes an earlier token for `BELIEVED_MS` at most. */
  renewed(loginId: number): void {
    this.forget(loginId);
    this.#channel?.send("login-renewed", { loginId });
  }

  /** Forgets what is remembered of a login that ended, or got another token. */
  forget(loginId: number): void {
    this.#changes += 1;
    this.#changedLogins.note(loginId, this.#changes);
    this.#cache.forgetLogin(loginId);
  }

  /**
   * Ends logins of a user while nothing can be written: this node and the others refuse them from now on, and remove them as soon as they
   * can write again. After a restart before that they hold again.
   */
  refuse(uid: number, loginIds: readonly number[]): void {
    this.#refuse(uid, loginIds);
    this.#channel?.send("logins-refused", { uid, loginIds });
  }

  #refuse(uid: number, loginIds: readonly number[]): void {
    for (const loginId of loginIds) {
      this.#refused.set(loginId, uid);
      this.forget(loginId);
    }
    this.#onRefused(loginIds);
  }

  /** @param listener called with logins that are refused from now on, without an event; there is one listener */
  onRefused(listener: (loginIds: readonly number[]) => void): void {
    this.#onRefused = listener;
  }

  /**
   * Called every few seconds and before the end: writes who was seen, and removes expired logins, unless the clock has jumped: then they are
   * refused, and hold again where it is set right.
   * @param removal.atMost writes
   */
  async sweep({ atMost }: { atMost: number }): Promise<void> {
    if (this.#seen.size > 0) {
      const input = { loginIds: [...this.#seen.keys()], uids: [...new Set(this.#seen.values())] };
      this.#seen.clear();
      await this.#writes.run(noteSeen, input);
    }
    await this.#product?.sweep();
    for (const [loginId, uid] of this.#refused) {
      await this.#writes.run(discardLogin, { loginId, uid });
      this.#refused.delete(loginId);
    }
    if (!this.#isClockSettled()) return;
    for (let count = 0; count < atMost; count++) {
      const expired = await this.#nextExpired(this.#clock.now());
      if (expired.length > 0) await this.#writes.run(removeExpiredLogins, { loginIds: expired });
      if (expired.length < SWEEP_ROWS) return;
    }
  }

  /** Whether what was read from that moment on may be from before a change. */
  #changedSince({ loginId, uid }: ReadLogin["signedIn"], moment: number): boolean {
    return this.#changedLogins.changedSince(loginId, moment) || this.#changedUsers.changedSince(uid, moment);
  }

  #remember(hash: string, { signedIn, until, lastSeenAt }: ReadLogin, now: number): void {
    this.#cache.set(hash, { signedIn, until: Math.min(until, now + BELIEVED_MS) });
    if (now - lastSeenAt >= SEEN_EVERY_MS && this.#seen.size < SEEN_MAX) {
      this.#seen.set(signedIn.loginId, signedIn.uid);
    }
  }

  async #read(hash: string, now: number): Promise<ReadLogin | undefined> {
    const row = await this.#rowOf(hash);
    if (!row) return undefined;
    // A previous one holds for minutes, and its login for weeks from the same refresh on.
    const until = row.token_hash === hash ? row.expires_at : (row.previous_until ?? 0);
    if (until <= now) return undefined;
    const { uid, power, name, avatar } = row;
    const canProlong = row.via !== "server";
    const signedIn = { loginId: row.id, uid, power, name, avatar, expiresAt: row.expires_at, canProlong };
    return { signedIn, until, lastSeenAt: row.last_seen_at, disabled: row.disabled_at !== null, ban: banOf(row) };
  }

  async #nextExpired(now: number): Promise<number[]> {
    const expired = this.#db.selectFrom("logins").select("id").where("expires_at", "<=", now).limit(SWEEP_ROWS);
    return (await expired.execute()).map((row) => row.id);
  }
}

function isListOfNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => typeof one === "number");
}

type LoginRow = Awaited<ReturnType<typeof loginsByHash>>[number];

async function rowsOf(db: ReadDatabase, hashes: readonly string[]): Promise<(LoginRow | undefined)[]> {
  const rows = await loginsByHash(
    db,
    hashes.map((hash) => [hash]),
  );
  const byHash = new Map(rows.map((row) => [row.hash, row]));
  return hashes.map((hash) => byHash.get(hash));
}
