import { ipLimitKey, ipNetworkKey } from "../lib/ip-range.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { CAPS } from "../limits/caps.ts";

/** After a turn in which requests took longer, the next one begins fewer of them. */
const TURN_MS = 10;
/** Begun in each turn, however long the others took, so that writes that come together are written together, and the line gets shorter. */
const LEAST = 64;

/** The part of a `Request` that is used, and only if it has to wait. */
export interface Gone {
  readonly signal: { readonly aborted: boolean };
}

interface Waiting {
  readonly begin: () => void;
  readonly signal: Gone["signal"];
}

export interface RequestTurnsParts {
  readonly most?: number;
  /** From a clock that never goes back. */
  readonly now?: () => number;
  /** Calls `then` when the present turn of the event loop is over. */
  readonly afterTurn?: (then: () => void) => void;
}

/**
 * Bounds what is begun in one turn of the event loop. A request that is answered at once is never in flight, so no such count would notice
 * a thousand connections that send the next request as soon as they are answered; but timers, signals, live connections and the writer's
 * replies have to wait until the turn is over. So in each turn some requests are begun, as many as fit into a few milliseconds, and the
 * others wait in a line for each address, for IPv6 for each network, because one client may have thousands of addresses there. The lines take
 * turns: somebody else's request waits for one turn, not for the line.
 *
 * The listener calls it for each request, handshakes too. A line has at most one request for each connection, because the runtime hands
 * over no second one before the first is answered. Under light load it costs a comparison, and one callback for each turn.
 */
export class RequestTurns {
  readonly #now: () => number;
  readonly #afterTurn: (then: () => void) => void;
  readonly #mostEver: number;
  /** By address, in the order in which they have their next turn. */
  readonly #lines = new Map<string, Waiting[]>();
  #waiting = 0;
  /** How many may begin in a turn now. */
  #most: number;
  #begun = 0;
  #startedMs = 0;
  #inTurn = false;

  constructor({
    most = CAPS.requestsPerTurn.count,
    now = uptimeMs,
    afterTurn = (then) => void setImmediate(then),
  }: RequestTurnsParts = {}) {
    this.#now = now;
    this.#afterTurn = afterTurn;
    this.#mostEver = most;
    this.#most = most;
  }

  /** Requests that wait for their turn. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * Undefined: begin now. Otherwise it resolves at this request's turn, with false if the client has gone in the meantime.
   * @param ip of the client
   */
  turnOf(ip: string, request: Gone): Promise<boolean> | undefined {
    if (!this.#inTurn) this.#startTurn(this.#now());
    if (this.#waiting === 0 && this.#begun < this.#most) {
      this.#begun += 1;
      return undefined;
    }
    // Read now: if a client goes before its signal is read, that would not be noticed.
    const { signal } = request;
    return new Promise((resolve) =>
      this.#wait(ipNetworkKey(ip) ?? ipLimitKey(ip), { signal, begin: () => resolve(!signal.aborted) }),
    );
  }

  #wait(key: string, waiting: Waiting): void {
    this.#waiting += 1;
    const line = this.#lines.get(key);
    if (line) line.push(waiting);
    else this.#lines.set(key, [waiting]);
  }

  #startTurn(nowMs: number): void {
    this.#inTurn = true;
    this.#begun = 0;
    this.#startedMs = nowMs;
    this.#afterTurn(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    const nowMs = this.#now();
    const tookMs = nowMs - this.#startedMs;
    if (tookMs > TURN_MS) this.#most = Math.max(LEAST, this.#most >> 1);
    else if (tookMs < TURN_MS / 2) this.#most = Math.min(this.#mostEver, this.#most * 2);
    this.#inTurn = false;
    if (this.#waiting === 0) return;
    this.#startTurn(nowMs);
    while (this.#waiting > 0 && this.#begun < this.#most) this.#beginNext();
  };

  #beginNext(): void {
    const [key, line] = this.#lines.entries().next().value as [string, Waiting[]];
    const next = line.shift() as Waiting;
    this.#waiting -= 1;
    // The address goes to the end of the round.
    this.#lines.delete(key);
    if (line.length > 0) this.#lines.set(key, line);
    if (!next.signal.aborted) this.#begun += 1;
    next.begin();
  }
}
