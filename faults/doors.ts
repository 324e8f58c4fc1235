/** A server that has kept a request waiting for so long gets no others until it answers, in milliseconds. */
const SILENT_MS = 1_000;

interface Door {
  readonly url: string;
  /** When the requests were sent that have no answer yet, the oldest first. */
  readonly waiting: Set<{ readonly since: number }>;
}

/** The way to several equal servers: each request goes to the next one, whoever asks, as from a balancer that watches the answers. */
export class Doors {
  readonly #doors: readonly Door[];
  readonly #now: () => number;
  #turn = 0;

  constructor(urls: readonly string[], now: () => number = () => performance.now()) {
    this.#doors = urls.map((url) => ({ url, waiting: new Set() }));
    this.#now = now;
  }

  /** @param ask gets the address of a server, and its number */
  async through<T>(ask: (url: string, node: number) => Promise<T>): Promise<T> {
    const door = this.#next();
    const { url, waiting } = door;
    const request = { since: this.#now() };
    waiting.add(request);
    try {
      return await ask(url, this.#doors.indexOf(door));
    } finally {
      waiting.delete(request);
    }
  }

  /** If all are silent, it is still somebody's turn. */
  #next(): Door {
    const inTurn = this.#doors.map((_, i) => this.#doors[(this.#turn + i) % this.#doors.length] as Door);
    const door = inTurn.find((one) => !this.#isSilent(one)) ?? (inTurn[0] as Door);
    this.#turn = this.#doors.indexOf(door) + 1;
    return door;
  }

  #isSilent({ waiting }: Door): boolean {
    const [oldest] = waiting;
    return oldest !== undefined && this.#now() - oldest.since > SILENT_MS;
  }
}
