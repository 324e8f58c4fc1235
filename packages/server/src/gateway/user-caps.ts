import type { Load } from "../presence/own-people.ts";
import type { Connection } from "./connection.ts";
import type { Hub } from "./hub.ts";

interface UserCapsParts {
  readonly hub: Pick<Hub, "ofUser">;
  readonly polls: {
    hangingOf(uid: number): Pick<Load, "polls" | "pollingSince">;
    answerOldest(uid: number): void;
  };
  /** Connections, and waiting polls, of one user over all nodes. */
  readonly maxPerUser: number;
  /** What the user has on the other nodes. */
  readonly elsewhere: (uid: number) => Load;
  /** Tells the other nodes at once what has changed here. */
  readonly hurry: () => void;
}

/**
 * Keeps the cap of connections, and that of waiting polls, over all nodes: the node that has the oldest ends it. What each node has besides
 * is told with presence, so that only one of them finds that its own is the oldest, and the others hear of its end before they look for
 * the next one. On one node alone the cap is kept where connections and polls begin.
 */
export class UserCaps {
  readonly #parts: UserCapsParts;

  constructor(parts: UserCapsParts) {
    this.#parts = parts;
  }

  /** What the user has on this node. */
  loadOf(uid: number): Load {
    const { hub, polls } = this.#parts;
    const own = hub.ofUser(uid);
    const [oldest] = own;
    return { ...polls.hangingOf(uid), connections: own.size, since: oldest?.signedInMs ?? 0 };
  }

  /** To be called when the user has something else here or on another node. */
  check(uid: number): void {
    const elsewhere = this.#parts.elsewhere(uid);
    if (elsewhere.connections > 0) this.#checkConnections(uid, elsewhere);
    if (elsewhere.polls > 0) this.#checkPolls(uid, elsewhere);
  }

  #checkConnections(uid: number, elsewhere: Load): void {
    const own = [...this.#parts.hub.ofUser(uid)];
    let tooMany = own.length + elsewhere.connections - this.#parts.maxPerUser;
    const ended: Connection[] = [];
    for (const connection of own) {
      if (tooMany <= 0 || connection.signedInMs >= elsewhere.since) break;
      ended.push(connection);
      tooMany -= 1;
    }
    for (const connection of ended) connection.closeReplaced();
    if (ended.length > 0) this.#parts.hurry();
  }

  #checkPolls(uid: number, elsewhere: Load): void {
    const { polls, maxPerUser, hurry } = this.#parts;
    const tooMany = polls.hangingOf(uid).polls + elsewhere.polls - maxPerUser;
    for (let ended = 0; ended < tooMany; ended++) {
      const own = polls.hangingOf(uid);
      if (own.polls === 0 || own.pollingSince >= elsewhere.pollingSince) return;
      polls.answerOldest(uid);
      hurry();
    }
  }
}
