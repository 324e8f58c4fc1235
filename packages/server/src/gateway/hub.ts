import {
  encodeEvent,
  floorCursor,
  HALL_ROOM_ID,
  Push,
  roomStream,
  type SubscriptionChange,
  subscriptionChange,
  userOfStream,
} from "@parley/protocol";
import type { LoggedEvent } from "../db/transaction.ts";
import { isOfProduct, type LoginId } from "../lib/login-id.ts";
import type { ProblemError } from "../lib/problem.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { Connection } from "./connection.ts";

/**
 * The gateway: live connections and what is pushed to them. This file is its register of connections on this node and
 * the place where an event becomes bytes.
 *
 * - One event is encoded once and published once per listener, whatever the number of readers, and not at all if there are no readers: the runtime's topics do
 *   the fan-out. A topic is a stream's name. A user's own stream has no topic, since that would cost each connection more than
 *   everything else: its events are sent to the user's few live connections one by one.
 * - Subscriptions of live connections change only here, while the event that changes them is handled, in order: people who
 *   join are subscribed before the event is published, people who leave or are kicked are unsubscribed after it.
 * - Connections that are not live are not subscribed; their outbox reads the same events from the tail.
 *
 * The gateway imports no feature: what commands and sign-in need is handed in by `server.ts`.
 */
export interface Publisher {
  /** Sends to every subscriber of the topic. `event` is undefined for a frame that is not logged. */
  publish(topic: string, frame: string, event: LoggedEvent | undefined): unknown;
  /** Whether the topic has a subscriber. */
  isRead(topic: string): boolean;
}

export class Hub {
  readonly #publishers: Publisher[] = [];
  readonly #connections = new Map<string, Connection>();
  /** A user's only connection stands for itself: most have just one, and a Set of one takes some 300 bytes. */
  readonly #byUser = new Map<number, Connection | Set<Connection>>();
  readonly #epoch: string;
  #encoded = 0;
  #begun = 0;

  constructor(epoch: string) {
    this.#epoch = epoch;
  }

  /** Adds a listener whose sockets get what is published; called once for each port. */
  addPublisher(publisher: Publisher): void {
    this.#publishers.push(publisher);
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Whether anybody on this node sees what is published in a stream now. */
  isRead(stream: string): boolean {
    const uid = userOfStream(stream);
    return (
      (uid !== undefined && this.#byUser.has(uid)) || this.#publishers.some((publisher) => publisher.isRead(stream))
    );
  }

  /** How many events were encoded: one each, however many connections there are, and none of streams that nobody reads. */
  get encoded(): number {
    return this.#encoded;
  }

  all(): Iterable<Connection> {
    return this.#connections.values();
  }

  get(id: string): Connection | undefined {
    return this.#connections.get(id);
  }

  /** Connections of a user, the oldest first. */
  ofUser(uid: number): ReadonlySet<Connection> {
    const own = this.#byUser.get(uid);
    if (own === undefined) return NONE;
    return own instanceof Set ? own : new Set([own]);
  }

  add(connection: Connection): void {
    this.#begun += 1;
    connection.serial = this.#begun;
    this.#connections.set(connection.origin.id, connection);
  }

  /** From now on the connection belongs to the user. @returns how many connections they have */
  bind(connection: Connection, uid: number): number {
    connection.signedInMs = uptimeMs();
    const known = this.#byUser.get(uid);
    if (known === undefined) {
      this.#byUser.set(uid, connection);
      return 1;
    }
    const own = known instanceof Set ? known : new Set([known]);
    own.add(connection);
    this.#byUser.set(uid, own);
    return own.size;
  }

  /** Ends `bind`. */
  unbind(connection: Connection, uid: number): void {
    const own = this.#byUser.get(uid);
    if (own instanceof Set) own.delete(connection);
    if (own === connection || (own instanceof Set && own.size === 0)) this.#byUser.delete(uid);
  }

  remove(connection: Connection): void {
    this.#connections.delete(connection.origin.id);
  }

  /**
   * Called once for each event of the clients' streams, in the order of position. @param untold people whom a joining brings in without their knowledge
   */
  publish(event: LoggedEvent, untold: ReadonlySet<number> = NOBODY): void {
    const change = isMembership(event) ? subscriptionChange(event) : undefined;
    // The copies in users' streams are for readers; only the room's own event moves subscriptions.
    const moves = change && userOfStream(event.stream) === undefined ? change : undefined;
    if (moves?.kind === "join") this.subscribe(moves.stream, untold.size > 0 ? others(moves.uids, untold) : moves.uids);
    if (this.isRead(event.stream)) {
      this.#encoded += 1;
      this.#publish(event.stream, encodeEvent(event), event);
    }
    if (moves?.kind === "leave") this.#leave(moves);
    if (moves?.kind === "end") this.#end(moves.stream);
  }

  /** A frame that is not logged, to everyone who is live in the stream. */
  publishFrame(stream: string, frame: string): void {
    this.#publish(stream, frame, undefined);
  }

  /** Closes the connections of logins that have ended. */
  closeLogins(loginIds: readonly number[]): void {
    const ended = new Set<LoginId>(loginIds);
    for (const connection of [...this.#connections.values()]) {
      if (connection.login && ended.has(connection.login.loginId)) closeRevoked(connection);
    }
  }

  /** Closes the connections of a user that tokens of the product's own have signed in. */
  closeProductLogins(uid: number): void {
    for (const connection of [...this.ofUser(uid)]) {
      if (connection.login && isOfProduct(connection.login.loginId)) closeRevoked(connection);
    }
  }

  /** Closes the connections of a user who was banned, or whose account was disabled. */
  closeKeptOut(uid: number, why: ProblemError): void {
    for (const connection of [...this.ofUser(uid)]) connection.closeKeptOut(why);
  }

  /** Closes the connections from addresses that are banned. @param refusal of an address; undefined: it is not */
  closeBannedAddresses(refusal: (ip: string) => ProblemError | undefined): void {
    for (const connection of [...this.#connections.values()]) {
      const why = refusal(connection.origin.ip);
      if (why) connection.closeKeptOut(why);
    }
  }

  /** A frame that is not logged, to readers of the public hall who are not signed in, or will be when their token has been checked. */
  sendToAnonymous(frame: string): void {
    for (const connection of this.#connections.values()) {
      if (readsAnonymously(connection)) connection.send(frame);
    }
  }

  #publish(stream: string, frame: string, event: LoggedEvent | undefined): void {
    for (const publisher of this.#publishers) publisher.publish(stream, frame, event);
    const uid = userOfStream(stream);
    if (uid === undefined) return;
    for (const connection of this.ofUser(uid)) {
      if (connection.state.kind !== "live") continue;
      if (event) connection.sendAt(frame, floorCursor(this.#epoch, event.pos));
      else connection.send(frame);
    }
  }

  /** From now on the live connections of these people get what is published in a stream. */
  subscribe(stream: string, uids: readonly number[]): void {
    for (const uid of uids) {
      for (const connection of this.ofUser(uid)) if (connection.state.kind === "live") connection.subscribe(stream);
    }
  }

  #leave(change: SubscriptionChange & { kind: "leave" }): void {
    for (const uid of change.uids) for (const connection of this.ofUser(uid)) connection.unsubscribe(change.stream);
  }

  #end(stream: string): void {
    for (const connection of this.#connections.values()) connection.unsubscribe(stream);
  }
}

function closeRevoked(connection: Connection): void {
  connection.push(Push.INVALIDATE_TOKEN, undefined);
  connection.close(4001, "the login was revoked");
}

/** While a token is checked its connection stays subscribed, until the turn from which on its user's own cursor counts. */
function readsAnonymously(connection: Connection): boolean {
  const { kind } = connection.state;
  if (kind === "authorizing") return connection.isSubscribed(HALL_STREAM);
  return !connection.login && (kind === "live" || kind === "catching-up");
}

const HALL_STREAM = roomStream(HALL_ROOM_ID);
const NONE: ReadonlySet<Connection> = new Set();
const NOBODY: ReadonlySet<number> = new Set();

function others(uids: readonly number[], without: ReadonlySet<number>): number[] {
  return uids.filter((uid) => !without.has(uid));
}

function isMembership(event: LoggedEvent): boolean {
  return event.type === Push.MEMBER_CHANGE || event.type === Push.ROOM;
}
