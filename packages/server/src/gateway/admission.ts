import { ipLimitKey } from "../lib/ip-range.ts";
import { once } from "../lib/once.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import type { LocalRate } from "../limits/local-rate.ts";
import type { ConnectedLogin, Connection } from "./connection.ts";

const ANONYMOUS_PER_IP = CAPS.anonymousConnections.count;

export interface AdmissionParts {
  /** The limit of handshakes without a valid token. */
  readonly handshakes: LocalRate;
  /** The limit of readers that somebody begins; looked at here, and counted when a reader begins. */
  readonly starts: Pick<LocalRate, "check">;
  readonly findLogin: (token: string) => Promise<ConnectedLogin | undefined>;
  /** Whether the process holds as many connections as it may, of whatever kind. */
  readonly isFull: () => boolean;
}

/** Decides who may open a connection. Limits by address are for anonymous work only: an office behind one address may reconnect at once. */
export class Admission {
  readonly #parts: AdmissionParts;
  readonly #anonymous = new Map<string, number>();

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Before the upgrade. @throws ProblemError `rate_limited` */
  async admit(ip: string, token: string | null): Promise<void> {
    const key = ipLimitKey(ip);
    if (token === null) return this.#admitAnonymous(key);
    try {
      this.#parts.handshakes.check(key);
    } catch (error) {
      // Too much was refused to this address. A valid token still passes, unless it would be refused again: what is refused here
      // holds no connection.
      const login = await this.#parts.findLogin(token);
      if (!login) throw error;
      this.#parts.starts.check(login.uid);
    }
  }

  /**
   * Admits an anonymous reader by another transport: an event stream, or one poll. It counts as a handshake, and as a connection
   * until the returned function is called.
   * @throws ProblemError `rate_limited`
   */
  enterAnonymous(ip: string): () => void {
    const key = ipLimitKey(ip);
    this.#admitAnonymous(key);
    return this.#countUntilReleased(key);
  }

  /** Counts a token that was not valid, and its connection as an anonymous one. @returns false when its sender has sent too many */
  allowBadToken(connection: Connection): boolean {
    const key = ipLimitKey(connection.origin.ip);
    if (!this.#parts.handshakes.tryTake(key)) return false;
    if (connection.onSignedIn) return true;
    if ((this.#anonymous.get(key) ?? 0) >= ANONYMOUS_PER_IP) return false;
    this.#countAnonymous(connection);
    return true;
  }

  /** Counts a start that is refused, as the address's. @returns false when that has had so many that they are closed at once */
  allowRefusedStart(connection: Connection): boolean {
    return this.#parts.handshakes.tryTake(ipLimitKey(connection.origin.ip));
  }

  /** After the upgrade: closes a connection above the process's cap, and says when to come back. @returns false when it was closed */
  opened(connection: Connection): boolean {
    if (this.#parts.isFull()) {
      connection.close(1013, "retry=5000");
      return false;
    }
    if (connection.origin.anonymous) this.#countAnonymous(connection);
    return true;
  }

  #admitAnonymous(key: string): void {
    if ((this.#anonymous.get(key) ?? 0) >= ANONYMOUS_PER_IP) {
      throw new ProblemError("rate_limited", `More than ${ANONYMOUS_PER_IP} anonymous connections from one address`, {
        retryAfterMs: 10_000,
      });
    }
    this.#parts.handshakes.take(key);
  }

  /** Counts one more connection of this address, until the returned function is called. */
  #countUntilReleased(key: string): () => void {
    this.#anonymous.set(key, (this.#anonymous.get(key) ?? 0) + 1);
    return once(() => {
      const left = (this.#anonymous.get(key) ?? 1) - 1;
      if (left > 0) this.#anonymous.set(key, left);
      else this.#anonymous.delete(key);
    });
  }

  #countAnonymous(connection: Connection): void {
    const release = this.#countUntilReleased(ipLimitKey(connection.origin.ip));
    connection.onSignedIn = release;
    connection.onClosed.push(release);
  }
}
