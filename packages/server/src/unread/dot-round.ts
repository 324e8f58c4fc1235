import { ALL_STREAM, encodePush, Push, parseCursor, type RedDot, userOfStream, userStream } from "@parley/protocol";
import type { LoggedEvent } from "../db/transaction.ts";
import { every, nextTurn, type Stop } from "../lib/interval.ts";

/** Changes within this time are told together. */
const ROUND_MS = 1000;
/** People who are told in one round; the others wait for the next one, so that a flood of notifications does not delay everything else. */
const PEOPLE_A_ROUND = 500;
/** People whose counters are read together. */
const READ_TOGETHER = 50;

export interface DotParts {
  /** Whether the person has a connection on this node. */
  readonly isHere: (uid: number) => boolean;
  readonly redDotOf: (uid: number) => Promise<RedDot & { asOf: string }>;
  /** Resolves when everything up to a position has been handed to the connections of this node. */
  readonly whenAnnounced: (position: number) => Promise<void>;
  /** Sends a frame that is not logged to everyone who is live in a stream. */
  readonly publish: (stream: string, frame: string) => void;
  /** Gets what went wrong. The people concerned are told with their next change. */
  readonly onError: (error: unknown) => void;
}

/**
 * Tells connected people by RED_DOT how many notifications and friend requests they have, within about a second after an event of their own
 * stream has changed that. A notification to everybody itself means one more and sends no RED_DOT. The numbers are never older or newer
 * than the events that their reader has had.
 */
export class DotRound {
  readonly #parts: DotParts;
  /** Uid -> position of the newest event that changed a counter and has not been told. */
  readonly #changed = new Map<number, number>();
  /** Position of the newest notification to everybody. */
  #allAt = 0;
  #isTelling = false;

  constructor(parts: DotParts) {
    this.#parts = parts;
  }

  /** Called for every announced event. */
  onEvent({ stream, type, data, pos }: LoggedEvent): void {
    if (type === Push.NOTIFICATION && stream === ALL_STREAM) this.#allAt = pos;
    const counts = type === Push.SELF && data.includes('"friendRequests":');
    const changes = counts || type === Push.NOTIFICATION || type === Push.APPLY;
    const uid = changes ? userOfStream(stream) : undefined;
    if (uid !== undefined && this.#parts.isHere(uid)) this.#changed.set(uid, pos);
  }

  start(): Stop {
    return every(ROUND_MS, () => void this.tell().catch(this.#parts.onError));
  }

  async tell(): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      const due = [...this.#changed.keys()].slice(0, PEOPLE_A_ROUND);
      for (let from = 0; from < due.length; from += READ_TOGETHER) {
        await Promise.all(due.slice(from, from + READ_TOGETHER).map((uid) => this.#tellOne(uid)));
        await nextTurn();
      }
    } finally {
      this.#isTelling = false;
    }
  }

  async #tellOne(uid: number): Promise<void> {
    if (!this.#parts.isHere(uid)) return void this.#changed.delete(uid);
    const { rooms: _, ...dot } = await this.#parts.redDotOf(uid);
    const { floor = 0 } = parseCursor(dot.asOf);
    await this.#parts.whenAnnounced(floor);
    const newest = Math.max(this.#changed.get(uid) ?? 0, this.#allAt);
    this.#changed.delete(uid);
    // Something has come meanwhile, which this does not count: a later round tells both, after those who already wait.
    if (newest > floor) return void this.#changed.set(uid, newest);
    this.#parts.publish(userStream(uid), encodePush(Push.RED_DOT, { ...dot, rooms: [] }));
  }
}
