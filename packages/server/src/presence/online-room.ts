import { LIMITS, Push } from "@parley/protocol";
import type { Person, ToldState } from "./person.ts";

/** Somebody who is online, and the rooms that they are in. */
export type OnlinePerson = Person<OnlineRoom>;

/** A room in which somebody is online, and the people who are. For a large room only the numbers are kept. */
export class OnlineRoom {
  readonly id: number;
  memberCount: number;
  /** Position of the event up to which `memberCount` is right. */
  asOf: number;
  /** Position of the newest message, or of a joining: the order of a person's rooms. */
  activity: number;
  readonly isDirect: boolean;
  /** How many of its members are online. */
  people = 0;
  /** Those members; empty while the room is large. */
  online: OnlinePerson[] = [];
  /** States that its readers have not got yet, in order: if there are two of a person, the later one counts. */
  changed: ToldState[] | undefined;
  /** It has become small again so soon after the last time that no names are told yet. */
  waits = false;
  /** The last round in which everything was told because it had become small. */
  reopenedIn = Number.NEGATIVE_INFINITY;
  /** The people who have left while its members were being read. */
  leftMeanwhile: Set<number> | undefined;
  #snapshot: string | undefined;

  constructor(
    row: { roomId: number; memberCount: number; activity: number; isDirect?: boolean | undefined },
    asOf: number,
  ) {
    this.id = row.roomId;
    this.memberCount = row.memberCount;
    this.activity = row.activity;
    this.isDirect = row.isDirect === true;
    this.asOf = asOf;
  }

  /** Whether its members are told the names of those who are online. */
  get isSmall(): boolean {
    return !this.waits && this.hasFewMembers;
  }

  get hasFewMembers(): boolean {
    return this.memberCount <= LIMITS.presenceRoomMembers;
  }

  enter(person: OnlinePerson): void {
    this.people += 1;
    this.show(person);
  }

  /** A member counts among those whom the others take for online. */
  show(person: OnlinePerson): void {
    if (this.isSmall && !isHidden(person, this)) this.online.push(person);
  }

  leave(person: OnlinePerson): void {
    this.people -= 1;
    this.hide(person);
  }

  /** Ends `show`. */
  hide(person: OnlinePerson): void {
    const index = this.online.indexOf(person);
    const last = this.online.pop();
    if (last === undefined || last === person) return;
    if (index < 0) this.online.push(last);
    else this.online[index] = last;
  }

  /** It has become large: no more names are told. */
  close(): void {
    this.online = [];
    this.changed = undefined;
    this.#snapshot = undefined;
  }

  /** The user is no longer a member: nothing more is told of them. */
  forget(uid: number): void {
    this.leftMeanwhile?.add(uid);
    if (this.changed) this.changed = this.changed.filter((state) => state.uid !== uid);
    this.#snapshot = undefined;
  }

  /**
   * A frame with everybody who is online, the same one for all who begin to read the room. Changes that were not told when it was made
   * follow with the next round, so it is valid until then.
   */
  snapshot(onlineNum: number): string {
    this.#snapshot ??= encoded(this.online, onlineNum);
    return this.#snapshot;
  }

  forgetSnapshot(): void {
    this.#snapshot = undefined;
  }

  /** A frame with the changes, or undefined if there are none; they count as told. */
  takeChanges(onlineNum: number): string | undefined {
    const { changed } = this;
    this.changed = undefined;
    this.forgetSnapshot();
    if (!changed || changed.length === 0) return undefined;
    return encoded(changed, onlineNum);
  }
}

/** ONLINE_OFFLINE_NOTIFY, put together from the texts that these people share among their rooms. */
function encoded(people: readonly ToldState[], onlineNum: number): string {
  const changeList = people.map(({ text }) => text).join(",");
  return `{"type":${Push.ONLINE_OFFLINE_NOTIFY},"data":{"changeList":[${changeList}],"onlineNum":${onlineNum}}}`;
}

/** Whether the other members take a member for offline. */
export function isHidden(person: OnlinePerson, room: OnlineRoom): boolean {
  return person.hiddenIn?.has(room) ?? false;
}
