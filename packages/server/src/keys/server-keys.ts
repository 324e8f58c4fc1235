/**
 * Server keys, which the product's backend shows at `/api/v1/server`. This file finds the key of a request; an operator makes
 * and revokes keys by `key-actions.ts`.
 *
 * - A key exists in plain text only in the reply that makes it. Its hash is stored, looked up and remembered, and logs and metrics have its name.
 * - There are few keys, so all of them are in memory. An event of the internal stream makes this process forget a revoked key; it comes
 *   within a second if another process has revoked the key.
 *
 * Must not import rooms, messages or any other feature but identity's hash and internal stream.
 */
import type { ServerScope } from "@parley/protocol";
import type { ReadDatabase } from "../db/open.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import type { Writes } from "../db/writer.ts";
import type { ServerKey } from "../http/server-key.ts";
import { INTERNAL_STREAM, Internal } from "../identity/internal-events.ts";
import { hashOf } from "../identity/tokens.ts";
import type { Clock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import { isKeyForm } from "./key-form.ts";
import { noteKeysUsed } from "./key-writes.ts";

interface KnownKey {
  readonly key: ServerKey;
  readonly expiresAt: number | null;
  /** When its use was last written, or is about to be. */
  notedAt: number;
}

/** The last use is written only this often: a write for each request would cost more than the request. */
const NOTED_EVERY_MS = 60_000;
/** Reads that changes may overtake before the caller is told to come back. */
const TRIES = 5;

/** Finds the key of a secret. This happens at every request of the product's backend, so the answers come from memory. */
export class ServerKeys {
  readonly #db: ReadDatabase;
  readonly #writes: Writes;
  readonly #clock: Clock;
  /** All keys by the hash of their secret; undefined: they have to be read. */
  #byHash: ReadonlyMap<string, KnownKey> | undefined;
  /** Rises with every change, so that a read which a change overtakes is repeated. */
  #changes = 0;
  /** Keys that were used since the last sweep and whose use is to be written. */
  readonly #used = new Set<number>();

  constructor(parts: { db: ReadDatabase; writes: Writes; clock: Clock }) {
    this.#db = parts.db;
    this.#writes = parts.writes;
    this.#clock = parts.clock;
  }

  /**
   * The key of a secret; undefined for one that is unknown, expired or revoked. What was announced before the call counts. An unknown
   * secret is looked up, because the command line may have made it just now.
   */
  async find(secret: string): Promise<ServerKey | undefined> {
    if (!isKeyForm(secret)) return undefined;
    const hash = hashOf(secret);
    const known = this.#byHash?.get(hash) ?? (await this.#read()).get(hash);
    const now = this.#clock.now();
    if (!known || (known.expiresAt !== null && known.expiresAt <= now)) return undefined;
    if (now - known.notedAt >= NOTED_EVERY_MS) {
      known.notedAt = now;
      this.#used.add(known.key.id);
    }
    return known.key;
  }

  /** Called for every announced event: a revoked key is forgotten before the revocation's own reply is sent. */
  onEvent({ stream, type }: LoggedEvent): void {
    if (stream !== INTERNAL_STREAM || type !== Internal.KEYS_CHANGED) return;
    this.#changes += 1;
    this.#byHash = undefined;
  }

  /** Called every few seconds and before the end: writes which keys were used. */
  async sweep(): Promise<void> {
    if (this.#used.size === 0) return;
    const keyIds = [...this.#used];
    this.#used.clear();
    await this.#writes.run(noteKeysUsed, { keyIds });
  }

  async #read(): Promise<ReadonlyMap<string, KnownKey>> {
    for (let tries = 0; tries < TRIES; tries++) {
      const changes = this.#changes;
      const rows = await this.#db
        .selectFrom("server_keys")
        .select(["id", "name", "key_hash as hash", "scopes", "rate", "expires_at", "last_used_at"])
        .select(["recipients_rate as recipientsRate", "all_rate as allRate"])
        .execute();
      if (changes !== this.#changes) continue;
      const keys = rows.map(({ hash, expires_at, last_used_at, scopes, ...key }): [string, KnownKey] => {
        const notedAt = this.#used.has(key.id) ? this.#clock.now() : (last_used_at ?? 0);
        const names = new Set(JSON.parse(scopes) as ServerScope[]);
        return [hash, { key: { ...key, scopes: names }, expiresAt: expires_at, notedAt }];
      });
      this.#byHash = new Map(keys);
      return this.#byHash;
    }
    throw new ProblemError("overloaded", undefined, { retryAfterMs: 1000 });
  }
}
