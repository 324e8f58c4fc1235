/**
 * Webhooks: addresses of the product's own backend that are told what happens, each by requests of its own. `told-events.ts` says what, `endpoint.ts` how one
 * address goes through the log, `delivery.ts` what a request is. Administrators make and remove them (`webhook-actions.ts`).
 *
 * - At least once, in order for each room, for a day; then the place is kept as a dead letter.
 * - An address that is slow, broken or gone holds up no other, and one room of it holds up no other room.
 * - Everything is built when it is sent, from what is true then.
 *
 * Must not import messages or what stands above them, nor the gateway.
 */
import type { OnlineChange } from "@parley/protocol";
import type { ReadDatabase } from "../db/open.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import type { StoredEvent } from "../event-log/log-reader.ts";
import { INTERNAL_STREAM, Internal } from "../identity/internal-events.ts";
import { randomToken } from "../lib/ids.ts";
import { after, every } from "../lib/interval.ts";
import { DeliveryFailed, deliverEvent, type WebhookTarget } from "./delivery.ts";
import { Endpoint, type EndpointParts } from "./endpoint.ts";
import { PresenceTellings } from "./presence-tellings.ts";

export interface WebhooksParts extends EndpointParts {
  readonly db: ReadDatabase;
  readonly presence: EndpointParts["presence"] & { readonly count: number };
}

interface Running {
  readonly endpoint: Endpoint;
  readonly presence: PresenceTellings;
  readonly stop: () => Promise<void>;
}

/** People who came and went are gathered for so long. */
const GATHER_MS = 1000;
const READ_AGAIN_MS = 1000;

/** All addresses of this process. */
export class Webhooks {
  readonly #parts: WebhooksParts;
  readonly #running = new Map<number, Running>();
  /** People who came or went since the last list. */
  readonly #changes = new Map<number, OnlineChange>();
  /** Tells these lists from those of an earlier start. */
  readonly #name = randomToken(64);
  #told = 0;
  #loading = Promise.resolve();
  #stopped = false;

  constructor(parts: WebhooksParts) {
    this.#parts = parts;
  }

  /** Resolves when each address is known, so that retention can ask what it holds. @returns what ends all, and resolves when their places are written */
  async start(): Promise<() => Promise<void>> {
    const first = this.#load();
    // What is changed meanwhile is read behind it.
    this.#loading = first.catch(() => {});
    await first;
    const stopTelling = every(GATHER_MS, () => this.#tellPresence());
    return async () => {
      this.#stopped = true;
      stopTelling();
      await this.#loading;
      await Promise.all([...this.#running.values()].map(({ stop }) => stop()));
    };
  }

  /** To be called for every announced event. */
  onEvent(event: LoggedEvent): void {
    for (const { endpoint } of this.#running.values()) endpoint.onEvent(event);
    if (event.stream === INTERNAL_STREAM && event.type === Internal.WEBHOOKS_CHANGED) this.#loadSoon();
  }

  /** Somebody came online or went. */
  onPresence(change: OnlineChange): void {
    if (this.#running.size > 0) this.#changes.set(change.uid, change);
  }

  /** Events after this position have to stay in the log, for a day. */
  get heldAfter(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#running.values()].map(({ endpoint }) => endpoint.heldAfter));
  }

  /** Tells an address of an event once more, outside the order. @returns why that failed; undefined: it did not */
  async tellAgain(target: WebhookTarget, event: StoredEvent, attempt: number): Promise<string | undefined> {
    const { signal } = new AbortController();
    try {
      await deliverEvent(this.#parts, target, { event, attempt, signal });
      return undefined;
    } catch (error) {
      if (error instanceof DeliveryFailed) return error.message;
      throw error;
    }
  }

  #loadSoon(): void {
    this.#loading = this.#loading
      .then(() => this.#load())
      .catch((error: unknown) => {
        this.#parts.logger.error({ err: error }, "the webhooks could not be read");
        if (!this.#stopped) after(READ_AGAIN_MS, () => this.#loadSoon());
      });
  }

  /** Begins those that are new, ends those that are gone, and tells the others what they are now. */
  async #load(): Promise<void> {
    if (this.#stopped) return;
    const { db } = this.#parts;
    const rows = await db.selectFrom("webhooks").selectAll().execute();
    const ids = new Set(rows.map(({ id }) => id));
    for (const [id, { stop }] of this.#running) {
      if (ids.has(id)) continue;
      this.#running.delete(id);
      await stop();
    }
    for (const row of rows) {
      const target = targetOf(row);
      const running = this.#running.get(row.id);
      if (running) running.endpoint.changeTo(target);
      else await this.#begin(target, row.failing_since);
    }
  }

  async #begin(target: WebhookTarget, failingSince: number | null): Promise<void> {
    const { db, clock, metrics } = this.#parts;
    const kept = await db
      .selectFrom("webhook_lanes")
      .select(["stream", "seq", "pos", "at", "attempts", "failing_since as failingSince"])
      .where("webhook_id", "=", target.id)
      .orderBy("pos")
      .execute();
    const endpoint = new Endpoint(this.#parts, target, failingSince);
    const presence = new PresenceTellings(endpoint, { clock, metrics });
    const stopEndpoint = await endpoint.start(kept);
    const stop = async () => {
      await Promise.all([stopEndpoint(), presence.stop()]);
    };
    this.#running.set(target.id, { endpoint, presence, stop });
  }

  #tellPresence(): void {
    if (this.#changes.size === 0) return;
    const changes = [...this.#changes.values()];
    this.#changes.clear();
    const id = `${this.#name}-${this.#told++}`;
    for (const { presence } of this.#running.values()) presence.tell(id, changes, this.#parts.presence.count);
  }
}

/** A row of the table, as deliveries need it. */
export function targetOf(row: { id: number; url: string; secret: string; events: string | null }): WebhookTarget {
  const { id, url, secret, events } = row;
  return { id, url, secret, events: events === null ? null : new Set(JSON.parse(events) as string[]) };
}
