/** What became of one worker's sends: the n-th has the clientId `<worker>-<n>`. */
export interface WorkerLedger {
  readonly worker: string;
  readonly uid: number;
  /** By n: the id of the acknowledged message; 0: refused at once; -1: refused after a try without an answer; null: no answer. */
  readonly ids: readonly (number | null)[];
}

export interface Recall {
  readonly clientId: string;
  readonly messageId: number;
  /** Epoch milliseconds, when the reply had come. */
  readonly repliedAt: number;
}

/** What the server has promised, for the checker to hold against the database. */
export interface Ledger {
  readonly workers: readonly WorkerLedger[];
  readonly recalls: readonly Recall[];
}

export class Book {
  readonly #workers = new Map<string, { uid: number; ids: (number | null)[] }>();
  readonly #recalls: Recall[] = [];
  acknowledged = 0;
  refused = 0;

  /** @returns the clientId of the next send */
  next(worker: string, uid: number): { clientId: string; settle: (status: number, tries: number, id: number) => void } {
    let own = this.#workers.get(worker);
    if (!own) {
      own = { uid, ids: [] };
      this.#workers.set(worker, own);
    }
    const { ids } = own;
    const n = ids.push(null) - 1;
    const settle = (status: number, tries: number, id: number) => {
      if (status === 200 || status === 201) {
        ids[n] = id;
        this.acknowledged += 1;
      } else if (status !== 0) {
        ids[n] = tries === 1 ? 0 : -1;
        this.refused += 1;
      }
    };
    return { clientId: `${worker}-${n}`, settle };
  }

  recalled(recall: Recall): void {
    this.#recalls.push(recall);
  }

  get ledger(): Ledger {
    const workers = [...this.#workers].map(([worker, { uid, ids }]) => ({ worker, uid, ids }));
    return { workers, recalls: this.#recalls };
  }
}
