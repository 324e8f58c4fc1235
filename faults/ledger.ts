import { CommandBook, type CommandLedger } from "./commands.ts";
import { askedFor } from "./contents.ts";
import type { CustomAsked } from "./log-custom.ts";
import type { StoredAt } from "./moments.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import type { NoticeAsked } from "./notice-model.ts";

/** The outcome of one worker's sends: the n-th has the clientId `<worker>-<n>`. */
export interface WorkerLedger {
  readonly worker: string;
  readonly uid: number;
  /** By n: the id of the acknowledged message; 0: refused at once; -1: refused after a try without an answer; null: no answer. */
  readonly ids: readonly (number | null)[];
  /** By n: where it was sent, and with which text, from `contents.ts`. */
  readonly asked: readonly number[];
}

export interface Recall {
  readonly clientId: string;
  readonly messageId: number;
  /** Epoch milliseconds of when the reply had come. */
  readonly repliedAt: number;
}

/** A notification that must not be shown any more. */
export interface TakenBack {
  readonly ref: string;
  /** When the reply had come. */
  readonly repliedAt: number;
}

/** What the server has promised, for the checker to compare with the database. */
export interface Ledger {
  readonly workers: readonly WorkerLedger[];
  readonly recalls: readonly Recall[];
  readonly commands: CommandLedger;
  /** The messages that are acknowledged. */
  readonly stored: readonly StoredAt[];
  readonly notices: readonly NoticeAsked[];
  readonly takenBack: readonly TakenBack[];
  readonly customs: readonly CustomAsked[];
}

export interface Sending {
  readonly uid: number;
  readonly roomId: number;
  readonly text: (clientId: string) => string;
}

export class Book {
  readonly #workers = new Map<string, { uid: number; ids: (number | null)[]; asked: number[] }>();
  readonly #recalls: Recall[] = [];
  readonly #stored: StoredAt[] = [];
  /** Everything except sends. */
  readonly commands = new CommandBook();
  /** What the product pushes, added by the code that pushes it. */
  readonly notices: (() => readonly NoticeAsked[])[] = [];
  readonly takenBack: TakenBack[] = [];
  readonly customs: CustomAsked[] = [];
  acknowledged = 0;
  refused = 0;
  /** The highest id of a message that is acknowledged: so many events are in the log, since a message's id is its place there. */
  newest = 0;

  /** The next send of a worker. */
  next(worker: string, { uid, roomId, text }: Sending) {
    let own = this.#workers.get(worker);
    if (!own) {
      own = { uid, ids: [], asked: [] };
      this.#workers.set(worker, own);
    }
    const { ids, asked } = own;
    const n = ids.push(null) - 1;
    const clientId = `${worker}-${n}`;
    const content = text(clientId);
    asked.push(askedFor(roomId, content));
    const sent = this.commands.sends();
    const askedAt = monotonicMs();
    const settle = (status: number, tries: number, id: number) => {
      const stored = status === 200 || status === 201;
      sent(stored ? id : 0);
      if (stored) {
        ids[n] = id;
        this.#stored.push({ id, askedAt, answeredAt: monotonicMs() });
        this.acknowledged += 1;
        this.newest = Math.max(this.newest, id);
      } else if (status !== 0) {
        ids[n] = tries === 1 ? 0 : -1;
        this.refused += 1;
      }
    };
    return { clientId, content, settle };
  }

  recalled(recall: Recall): void {
    this.#recalls.push(recall);
  }

  get ledger(): Ledger {
    const workers = [...this.#workers].map(([worker, { uid, ids, asked }]) => ({ worker, uid, ids, asked }));
    const notices = this.notices.flatMap((all) => all());
    const { commands, takenBack, customs } = this;
    return { workers, recalls: this.#recalls, commands, stored: this.#stored, notices, takenBack, customs };
  }
}
