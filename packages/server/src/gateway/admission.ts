import { ipLimitKey, ipNetworkKey } from "../lib/ip-range.ts";
import { once } from "../lib/once.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import type { LocalRate } from "../limits/local-rate.ts";
import type { ConnectedLogin, Connection } from "./connection.ts";

/** What counts for a client. */
interface Scope {
  readonly key: string;
  readonly called: "address" | "network";
  /** Anonymous connections at once. */
  readonly most: number;
  readonly handshakes: LocalRate;
}

export interface AdmissionParts {
  /** The limit of handshakes without a valid token. */
  readonly handshakes: LocalRate;
  /** The same for an IPv6 network. */
  readonly handshakesOfNetwork: LocalRate;
  /** The limit of readers that somebody begins; checked here, and counted when a reader begins. */
  readonly starts: Pick<LocalRate, "check">;
  readonly findLogin: (token: string) => Promise<ConnectedLogin | undefined>;
  /** Anonymous connections of an address or a network that other nodes have. */
  readonly anonymousElsewhere: (key: string) => number;
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

  /** Anonymous connections of this node, by address and by network. */
  get anonymous(): ReadonlyMap<string, number> {
    return this.#anonymous;
  }

  /** Before the upgrade. @throws ProblemError `rate_limited` */
  async admit(ip: string, token: string | null): Promise<void> {
    const scopes = this.#scopesOf(ip);
    if (token === null) return this.#admitAnonymous(scopes);
    try {
      for (const { handshakes, key } of scopes) handshakes.check(key);
    } catch (error) {
      // This address has had too many refusals. A valid token still passes, unless it would be refused again: a refusal here holds no connection.
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
    const scopes = this.#scopesOf(ip);
    this.#admitAnonymous(scopes);
    return this.#countUntilReleased(scopes);
  }

  /** Counts a token that was not valid, or a handshake from a banned address. @throws ProblemError `rate_limited` */
  countBadToken(ip: string): void {
    takeHandshake(this.#scopesOf(ip));
  }

  /** Counts a token that was not valid, and its connection as an anonymous one. @returns false when its sender has sent too many */
  allowBadToken(connection: Connection): boolean {
    const scopes = this.#scopesOf(connection.origin.ip);
    if (!tryTakeHandshake(scopes)) return false;
    if (connection.onSignedIn) return true;
    if (this.#full(scopes)) return false;
    this.#countAnonymous(connection);
    return true;
  }

  /** Counts a refused start for the address. @returns false when the address has had so many that they are closed at once */
  allowRefusedStart(connection: Connection): boolean {
    return tryTakeHandshake(this.#scopesOf(connection.origin.ip));
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

  /** The client's address, and its IPv6 network, of which one client may have all addresses. */
  #scopesOf(ip: string): readonly Scope[] {
    const { handshakes, handshakesOfNetwork } = this.#parts;
    const most = CAPS.anonymousConnections.count;
    const address: Scope = { key: ipLimitKey(ip), called: "address", most, handshakes };
    const network = ipNetworkKey(ip);
    if (network === undefined) return [address];
    const mostOfNetwork = CAPS.anonymousConnectionsOfNetwork.count;
    return [address, { key: network, called: "network", most: mostOfNetwork, handshakes: handshakesOfNetwork }];
  }

  /** The scope that has reached its limit of anonymous connections. */
  #full(scopes: readonly Scope[]): Scope | undefined {
    const { anonymousElsewhere } = this.#parts;
    return scopes.find(({ key, most }) => (this.#anonymous.get(key) ?? 0) + anonymousElsewhere(key) >= most);
  }

  #admitAnonymous(scopes: readonly Scope[]): void {
    const full = this.#full(scopes);
    if (full) {
      const message = `More than ${full.most} anonymous connections from one ${full.called}`;
      throw new ProblemError("rate_limited", message, { retryAfterMs: 10_000 });
    }
    takeHandshake(scopes);
  }

  /** Counts one more connection of these, until the returned function is called. */
  #countUntilReleased(scopes: readonly Scope[]): () => void {
    for (const { key } of scopes) this.#anonymous.set(key, (this.#anonymous.get(key) ?? 0) + 1);
    return once(() => {
      for (const { key } of scopes) {
        const left = (this.#anonymous.get(key) ?? 1) - 1;
        if (left > 0) this.#anonymous.set(key, left);
        else this.#anonymous.delete(key);
      }
    });
  }

  #countAnonymous(connection: Connection): void {
    const release = this.#countUntilReleased(this.#scopesOf(connection.origin.ip));
    connection.onSignedIn = release;
    connection.onClosed.push(release);
  }
}

/** Counts in all of these or, if one refuses, in none. @throws ProblemError `rate_limited` */
function takeHandshake(scopes: readonly Scope[]): void {
  for (const { handshakes, key } of scopes) handshakes.check(key);
  for (const { handshakes, key } of scopes) handshakes.take(key);
}

function tryTakeHandshake(scopes: readonly Scope[]): boolean {
  if (!scopes.every(({ handshakes, key }) => handshakes.hasRoom(key))) return false;
  return scopes.every(({ handshakes, key }) => handshakes.tryTake(key));
}
