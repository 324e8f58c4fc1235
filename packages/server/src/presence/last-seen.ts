import { ActiveStatus, type OnlineChange } from "@parley/protocol";
import type { ToldState } from "./person.ts";

/** People remembered; those who went offline longest ago are forgotten first. */
const CAPACITY = 100_000;

/** When people went offline, as far as this process has seen it. Bounded. */
export class LastSeen {
  readonly #capacity: number;
  /** By uid, those who went first at the front. */
  readonly #went = new Map<number, number>();

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  of(uid: number): number | undefined {
    return this.#went.get(uid);
  }

  /** The state of somebody who is not online; undefined if it is unknown when they went offline. */
  stateOf(uid: number): ToldState | undefined {
    const lastOptTime = this.#went.get(uid);
    return lastOptTime === undefined ? undefined : offlineState(uid, lastOptTime);
  }

  went(uid: number, time: number): void {
    this.#went.delete(uid);
    this.#went.set(uid, time);
    if (this.#went.size > this.#capacity) this.#went.delete(this.#went.keys().next().value as number);
  }
}

/** The state of somebody who has been offline since then. */
export function offlineState(uid: number, lastOptTime: number): ToldState & { lastOptTime: number } {
  const state: OnlineChange = { uid, activeStatus: ActiveStatus.offline, lastOptTime };
  return { uid, lastOptTime, text: JSON.stringify(state) };
}
