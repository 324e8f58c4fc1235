import type { Server as BunServer } from "bun";
import type { TlsPair } from "./config/tls-files.ts";
import type { Connection } from "./gateway/connection.ts";
import { delay, nextTurn, withDeadline } from "./lib/interval.ts";
import { holdOffConnections, portState } from "./lib/listen-queue.ts";
import { uptimeMs } from "./lib/uptime.ts";

type Listener = BunServer<Connection>;

/** How a listener of one port is opened; `port` is where an earlier one of the same port listens. */
export type OpenListener = (at: { tls: TlsPair | undefined; port?: number }) => Listener;

const GRACE_MS = 3000;

/**
 * The open ports: the main one for everything, and the second one for live connections where there is one. A port has one listener that takes new
 * connections, and may have earlier ones, with an earlier certificate, whose connections live on until they end by themselves.
 */
export class Ports {
  readonly #opens: readonly OpenListener[];
  /** One for each port, the main one first. */
  #current: Listener[];
  /** Those that have connections or take new ones. */
  readonly #all: Set<Listener>;
  #stopping = false;

  /** @param current what `opens` opened, in the same order */
  constructor(opens: readonly OpenListener[], current: readonly Listener[]) {
    this.#opens = opens;
    this.#current = [...current];
    this.#all = new Set(current);
  }

  /** The main one. */
  get port(): number {
    return this.#current[0]?.port ?? 0;
  }

  /** Listeners that are open, those of earlier certificates among them. */
  get size(): number {
    return this.#all.size;
  }

  publish(topic: string, frame: string): void {
    for (const listener of this.#all) listener.publish(topic, frame);
  }

  isRead(topic: string): boolean {
    for (const listener of this.#all) if (listener.subscriberCount(topic) > 0) return true;
    return false;
  }

  /** @returns how many connections without a request were closed */
  closeIdleConnections(): number {
    let closed = 0;
    for (const listener of this.#all) closed += listener.closeIdleConnections();
    return closed;
  }

  /**
   * Takes new connections with this certificate from now on, on every port or, when that fails, on none. Live connections and requests stay with the listener that
   * they came to, which goes when the last of them has ended. The runtime closes what has no request at that moment, also connections whose TLS handshake is not
   * done: clients open another one.
   * @throws ListenFailed
   */
  async renew(tls: TlsPair): Promise<void> {
    const next: Listener[] = [];
    try {
      for (const [index, open] of this.#opens.entries()) {
        next.push(open({ tls, port: this.#current[index]?.port as number }));
      }
    } catch (error) {
      for (const listener of next) void listener.stop(true);
      throw error;
    }
    const earlier = this.#current;
    this.#current = next;
    for (const listener of next) this.#all.add(listener);
    // What has reached an earlier one is taken in this turn; what is still on its way when it stops would be cut.
    await nextTurn();
    if (this.#stopping) return;
    for (const listener of earlier) void listener.stop().then(() => this.#all.delete(listener));
  }

  /**
   * Answers what was accepted, then closes; peers that do not let go are cut after a moment.
   * @param options.untilNobodyWaits goes on to answer until nobody waits on the ports, for a bounded time: the kernel resets what waits when a port closes,
   * and where several processes listen there it goes on giving each of them connections
   */
  async stop({ untilNobodyWaits = false } = {}): Promise<void> {
    this.#stopping = true;
    if (untilNobodyWaits) await Promise.all(this.#current.map(({ port }) => whenNobodyWaits(port as number)));
    await Promise.all([...this.#all].map(stopListening));
  }
}

/** Connections that were just accepted get this long to bring their request. */
const QUIET_MS = 200;
const LOOK_MS = 25;
/** A client whose handshake found no room tries again after a second. */
const QUIET_MAX_MS = 3000;

/** Keeps new connections away from a port, and resolves when nobody has waited there for a moment. */
async function whenNobodyWaits(port: number): Promise<void> {
  holdOffConnections(port);
  const until = uptimeMs() + QUIET_MAX_MS;
  let quietSince = uptimeMs();
  while (uptimeMs() < until && uptimeMs() - quietSince < QUIET_MS) {
    if (portState(port).waiting > 0) quietSince = uptimeMs();
    await delay(LOOK_MS);
  }
}

async function stopListening(listener: Listener): Promise<void> {
  await withDeadline(listener.stop(), GRACE_MS, "requests were cut").catch(() => {});
  await listener.stop(true);
}
