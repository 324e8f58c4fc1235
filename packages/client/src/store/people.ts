import { Push } from "@parley/protocol/events";
import type { PushFrame } from "../reading/push-frame.ts";
import type { Asking } from "./asking.ts";
import { isUser, type Names, type Person } from "./names.ts";
import type { Notices } from "./notices.ts";
import type { Part } from "./part.ts";
import type { Topics } from "./topics.ts";

/** How many people are kept; those that nobody subscribes to are dropped first. */
const PEOPLE_AT_MOST = 5_000;
const ASKED_AT_ONCE = 100;

export interface PeopleParts {
  readonly asking: Asking;
  readonly topics: Topics<number>;
  readonly notices: Notices;
  /** These people may be shown under other names somewhere. */
  readonly onNames: (names: Names) => void;
}

/** Names and pictures. People who are not known are asked for, many at once. */
export class People implements Part {
  readonly #parts: PeopleParts;
  readonly #known = new Map<number, Person>();
  readonly #wanted = new Set<number>();
  #isAsking = false;

  constructor(parts: PeopleParts) {
    this.#parts = parts;
  }

  of(uid: number): Person | undefined {
    return this.#known.get(uid);
  }

  /** For a place that shows somebody at once: the name is missing until it is known. */
  nameOf(uid: number): Person {
    const known = this.#known.get(uid);
    if (known) return known;
    this.ask([uid]);
    return { uid, name: "", avatar: "" };
  }

  /** Asks for their current names. */
  ask(uids: Iterable<number>): void {
    for (const uid of uids) this.#wanted.add(uid);
    // People who are asked for in this turn are asked for together.
    if (this.#wanted.size > 0) queueMicrotask(() => void this.#askWanted());
  }

  /**
   * Takes what a reply says of people.
   * @param pushes that came while it was on its way: a name in them may be newer
   */
  learn(people: readonly Person[], pushes: readonly PushFrame[]): void {
    const said = new Map(people.map(({ uid, name, avatar }) => [uid, { uid, name, avatar }]));
    for (const push of pushes) if (push.type === Push.USER) said.set(push.data.uid, push.data);
    this.#take(said);
  }

  push(push: PushFrame): void {
    if (push.type !== Push.USER) return;
    const { uid, name, avatar } = push.data;
    this.#take(new Map([[uid, { uid, name, avatar }]]), true);
  }

  live(): void {
    void this.#askWanted();
  }

  clear(): void {
    this.#known.clear();
    this.#wanted.clear();
    for (const uid of this.#parts.topics.used) this.#parts.topics.tell(uid);
    this.ask(this.#parts.topics.used);
  }

  /** @param isAnywhere they may also appear in places that do not find people by their uid */
  #take(names: Names, isAnywhere = false): void {
    const changed = new Map<number, Person>();
    for (const [uid, person] of names) {
      const known = this.#known.get(uid);
      const isSame = known?.name === person.name && known.avatar === person.avatar;
      if (!isSame) this.#known.set(uid, person);
      if (!isSame) this.#parts.topics.tell(uid);
      const isElsewhere = known !== undefined && !isSame;
      if (isElsewhere || isAnywhere) changed.set(uid, person);
    }
    this.#trim();
    if (changed.size > 0) this.#parts.onNames(changed);
  }

  async #askWanted(): Promise<void> {
    const { asking, notices } = this.#parts;
    while (!this.#isAsking && this.#wanted.size > 0) {
      const { signal } = asking;
      const uids = [...this.#wanted].slice(0, ASKED_AT_ONCE);
      for (const uid of uids) this.#wanted.delete(uid);
      this.#isAsking = true;
      const ask = { query: { ids: uids.join(",") } };
      const since = await asking
        .untilItWorks(() => asking.with(isUser, () => asking.request("GET /users", ask)))
        .catch(() => undefined);
      this.#isAsking = false;
      if (since) {
        const names = new Map<number, Person>(
          since.reply.items.map(({ uid, name, avatar }) => [uid, { uid, name, avatar }]),
        );
        for (const push of since.pushes)
          if (push.type === Push.USER && names.has(push.data.uid)) names.set(push.data.uid, push.data);
        notices.run(() => this.#take(names, true));
      } else if (!signal.aborted) {
        for (const uid of uids) this.#wanted.add(uid);
        return;
      }
    }
  }

  #trim(): void {
    if (this.#known.size <= PEOPLE_AT_MOST) return;
    for (const uid of this.#known.keys()) {
      if (this.#known.size <= PEOPLE_AT_MOST) return;
      if (!this.#parts.topics.isUsed(uid)) this.#known.delete(uid);
    }
  }
}
