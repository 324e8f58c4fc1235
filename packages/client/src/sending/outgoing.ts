import type { Message } from "../api/api-types.ts";
import { ParleyError } from "../api/parley-error.ts";
import { backoffMs } from "../lib/backoff.ts";
import { after } from "../lib/timers.ts";
import type { Timing } from "../lib/timing.ts";
import type { Sending } from "./sending.ts";
import type { StoredSends } from "./stored-sends.ts";

/*
 * sending/: messages that wait to be sent. They go out one at a time for each room, so that they keep their order, and each has one
 * `clientId` from the beginning, so that trying again cannot send it twice. A send that gets no answer, or is refused for now, is tried
 * again until it is stored or refused for good. The end of a login rejects nothing: what waits is for the next login of the same user. It
 * knows no connection: `Client.#onState` starts it, wakes it and stops it. It imports api/ and lib/. `sending.ts` is one message; `Queued`
 * adds the promise of its caller; `stored-sends.ts` keeps messages over a reload of the page; `authors.ts` knows under whose login each was
 * written.
 */

interface Queued extends Sending {
  readonly resolve: (message: Message) => void;
  readonly reject: (error: ParleyError) => void;
}

export interface OutgoingParts {
  /** The answer may be anything, because something between client and server may have given it. */
  readonly post: (sending: Sending) => Promise<unknown>;
  readonly kept: StoredSends | undefined;
  /** How many messages may wait, in all rooms together. */
  readonly max: number;
  readonly random: () => number;
  readonly timing: Timing;
  /** Also called for messages that an earlier page left, whose promises are gone. */
  readonly onSent: (sending: Sending, message: Message) => void;
  readonly onRefused: (sending: Sending, error: ParleyError) => void;
}

export class Outgoing {
  readonly #parts: OutgoingParts;
  readonly #rooms = new Map<number, Queued[]>();
  /** Each ends one wait before a next try. */
  readonly #waits = new Set<() => void>();
  /** Rooms with a send in progress. */
  readonly #working = new Set<number>();
  /** When the server allows the next try for a room, by `performance.now`. A stop and a start change nothing about it. */
  readonly #notBefore = new Map<number, number>();
  #count = 0;
  #running = false;

  constructor(parts: OutgoingParts) {
    this.#parts = parts;
    for (const sending of parts.kept?.all() ?? []) {
      // Nobody waits for these; `sent` and `refused` report them.
      this.#add({ ...sending, resolve: () => {}, reject: () => {} });
    }
  }

  /** Messages that are not acknowledged yet. */
  get waiting(): number {
    return this.#count;
  }

  /** Resolves when it is stored; rejects when it was refused, or when too many wait. */
  send(sending: Sending): Promise<Message> {
    if (this.#count >= this.#parts.max) {
      return Promise.reject(new ParleyError(0, { code: "queue_full", title: "Too many messages wait to be sent" }));
    }
    return new Promise((resolve, reject) => {
      this.#parts.kept?.add(sending);
      this.#add({ ...sending, resolve, reject });
    });
  }

  /**
   * Sends what waits, one worker for each room. The client calls it at each state that has a transport, once there is a cursor: a
   * message that is sent before that would not come back as an event. More calls change nothing.
   */
  start(): void {
    this.#running = true;
    for (const roomId of this.#rooms.keys()) void this.#work(roomId);
  }

  /** Waiting messages stay; a running request ends by itself. */
  stop(): void {
    this.#running = false;
    this.wake();
  }

  /** Nobody can send what waits any more: its promises reject. What is kept stays, for a later client. */
  giveUp(error: ParleyError): void {
    for (const queue of this.#rooms.values()) for (const { reject } of queue) reject(error);
  }

  /** The server can be reached again. */
  wake(): void {
    for (const wake of [...this.#waits]) wake();
  }

  #add(queued: Queued): void {
    this.#count += 1;
    const queue = this.#rooms.get(queued.roomId);
    if (queue) return void queue.push(queued);
    this.#rooms.set(queued.roomId, [queued]);
    if (this.#running) void this.#work(queued.roomId);
  }

  async #work(roomId: number): Promise<void> {
    if (this.#working.has(roomId)) return;
    this.#working.add(roomId);
    const queue = this.#rooms.get(roomId) ?? [];
    for (let attempts = 0; this.#running && queue[0]; ) {
      const toldMs = (this.#notBefore.get(roomId) ?? 0) - performance.now();
      // Reaching the server again ends a wait, but not one that the server asked for.
      if (toldMs > 0) {
        await this.#wait(toldMs);
        continue;
      }
      const first = queue[0];
      const outcome = await this.#try(first);
      if (outcome instanceof ParleyError && isRetriedLater(outcome)) {
        const { retryAfterMs = 0 } = outcome;
        if (retryAfterMs > 0) this.#notBefore.set(roomId, performance.now() + retryAfterMs);
        if (this.#running) await this.#wait(this.#backoff(attempts));
        attempts += 1;
        continue;
      }
      attempts = 0;
      queue.shift();
      this.#done(first, outcome);
    }
    this.#working.delete(roomId);
    if (queue.length === 0) {
      this.#rooms.delete(roomId);
      this.#notBefore.delete(roomId);
    }
  }

  /** Never rejects. Only an answer that holds the stored message counts as an answer, and only the server's word as a refusal. */
  async #try(sending: Sending): Promise<Message | ParleyError> {
    try {
      const reply = (await this.#parts.post(sending)) as Message | null | undefined;
      return typeof reply?.message?.id === "number" ? reply : new ParleyError(0);
    } catch (error) {
      // A product's function for the token fails for its own reasons, usually because there is no network.
      return error instanceof ParleyError ? error : new ParleyError(0);
    }
  }

  #done(queued: Queued, outcome: Message | ParleyError): void {
    this.#count -= 1;
    const isRefused = outcome instanceof ParleyError;
    // What another user wrote stays in the storage, for a client of that user.
    if (!isRefused || outcome.code !== "other_user") this.#parts.kept?.remove(queued);
    if (isRefused) {
      this.#parts.onRefused(queued, outcome);
      queued.reject(outcome);
    } else {
      this.#parts.onSent(queued, outcome);
      queued.resolve(outcome);
    }
  }

  #backoff(attempts: number): number {
    return backoffMs(attempts, this.#parts.random(), this.#parts.timing);
  }

  /** Until its time, or until it is woken. */
  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#waits.delete(wake);
        resolve();
      };
      const cancel = after(ms, wake);
      this.#waits.add(wake);
    });
  }
}

const LOGIN_ENDED: ReadonlySet<string> = new Set(["unauthorized", "banned", "account_disabled"]);

/** No answer, a temporary refusal, or a login that has ended; the connection also learns of that end and stops the client. */
function isRetriedLater({ canRetry, code }: ParleyError): boolean {
  return code !== "other_user" && (canRetry || LOGIN_ENDED.has(code));
}
