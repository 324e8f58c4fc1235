import {
  ActiveStatus,
  encodePush,
  type OnlineChange,
  Push,
  roomOfStream,
  roomStream,
  userOfStream,
} from "@parley/protocol";
import type { LoggedEvent } from "../db/transaction.ts";
import type { Clock } from "../lib/clock.ts";
import { every, nextTurn, type Stop } from "../lib/interval.ts";
import { LastSeen, offlineState } from "./last-seen.ts";
import type { OnlinePerson } from "./online-room.ts";
import { OnlineRooms } from "./online-rooms.ts";
import { OwnPeople } from "./own-people.ts";
import { Person } from "./person.ts";
import { type ReadRooms, RoomReads } from "./room-reads.ts";

/**
 * Knows who is online. A user is online while any of their connections lives, on whichever node, and for a grace after the last one ended,
 * so that a page reload is not a departure: while any node has them (`own-people.ts`, `other-nodes.ts`). The members of a room of at most `presenceRoomMembers` are told: everything when they begin to read, and then
 * what changes, gathered for a second, one frame for each room. Everybody is told how many people are online. Frames are states, so getting
 * one twice is harmless.
 *
 * The gateway says attached and detached; the log says who joins which room; `readRooms` says who is already there. Must not
 * import the gateway or a feature.
 */
export interface PresenceParts {
  readonly clock: Clock;
  readonly readRooms: ReadRooms;
  /** The uids of a room's members. */
  readonly readMembers: (roomId: number) => Promise<readonly number[]>;
  /** How long a departure waits for a return. [5 s] */
  readonly graceMs?: number | undefined;
  /** Lets everything that waits in the event loop run first; tests with a still clock pass another one. */
  readonly turn?: () => Promise<void>;
}

/** Where presence is told. */
export interface Audience {
  /** Sends a frame that is not logged to everyone who is live in a stream. */
  readonly publish: (stream: string, frame: string) => void;
  /** The stream in which everybody is told the number of people online. */
  readonly everybody: string;
  readonly onError: (error: unknown) => void;
}

/** Somebody's state over HTTP. `lastOptTime` is null if this server has not seen it since it started. */
export interface ShownState {
  readonly uid: number;
  readonly activeStatus: OnlineChange["activeStatus"];
  readonly lastOptTime: number | null;
}

const NOBODY: ReadonlySet<number> = new Set();
const GRACE_MS = 5000;
const GATHER_MS = 1000;
const DAY_MS = 24 * 3_600_000;
/** Rounds after which unchanged snapshots are dropped, so that rooms in which nobody begins to read hold none. */
const SNAPSHOT_ROUNDS = 10;
/**
 * Rooms that are told before others get their turn. A turn ends in one write for each reader of its rooms, however few of them it tells,
 * and those writes take the time: several short turns block the loop as long each.
 */
const ROOMS_PER_TURN = 5000;

export class Presence {
  readonly #clock: Clock;
  readonly #readMembers: PresenceParts["readMembers"];
  readonly #turn: () => Promise<void>;
  readonly #online = new Map<number, OnlinePerson>();
  readonly #lastSeen = new LastSeen();
  readonly #rooms: OnlineRooms;
  readonly #reads: RoomReads;
  #onChange: (change: OnlineChange) => void = () => {};
  #isPartial: () => boolean = () => false;
  #audience: Audience | undefined;
  #telling: Promise<void> | undefined;
  #toldCount = 0;
  /** Somebody who began to read was told a newer number than everybody else. */
  #isCountAhead = false;
  #rounds = 0;
  #stopped = false;
  /** The latest time that this node has told, and that it has heard from others. */
  #told = 0;
  #heard = 0;
  /** The people of this node. */
  readonly own: OwnPeople;

  constructor({ clock, readRooms, readMembers, graceMs = GRACE_MS, turn = nextTurn }: PresenceParts) {
    this.#clock = clock;
    this.#readMembers = readMembers;
    this.#turn = turn;
    this.own = new OwnPeople({
      graceMs,
      now: (uid) => this.#now(uid),
      came: (uid, at) => this.came(uid, at),
      went: (uid, at) => this.went(uid, at),
    });
    this.#rooms = new OnlineRooms({
      personOf: (uid) => this.#online.get(uid),
      offlineStateOf: (uid) => this.#lastSeen.stateOf(uid),
      offlineSince: ({ uid, lastOptTime }) => offlineState(uid, this.#notBefore(lastOptTime)),
      everybody: () => this.#online.values(),
      readAgain: (person) => this.#reads.add(person),
    });
    this.#reads = new RoomReads({
      rooms: this.#rooms,
      readRooms,
      personOf: (uid) => this.#online.get(uid),
      onError: (error) => this.#audience?.onError(error),
    });
  }

  /** Gathers and tells until it is stopped; running graces are dropped. */
  start(audience: Audience): Stop {
    this.#audience = audience;
    const stop = every(GATHER_MS, () => this.#round(audience));
    return () => {
      stop();
      this.#stopped = true;
      this.#reads.stop();
      this.own.stop();
    };
  }

  /** Tells a listener at once who comes online and who goes, graces included. Only one listener; it must not throw and must not wait. */
  watch(onChange: (change: OnlineChange) => void): void {
    this.#onChange = onChange;
  }

  /** Sets what says whether others may be online of whom this node does not know yet. */
  setPartial(isPartial: () => boolean): void {
    this.#isPartial = isPartial;
  }

  /** How many people are online, graces included. */
  get count(): number {
    return this.#online.size;
  }

  isOnline(uid: number): boolean {
    return this.#online.has(uid);
  }

  /** How many rooms somebody who is online is in, without the hall; 0 for everybody else. */
  roomCountOf(uid: number | null): number {
    return (uid === null ? undefined : this.#online.get(uid)?.rooms.length) ?? 0;
  }

  stateOf(uid: number): ShownState {
    const lastOptTime = this.#lastSeen.of(uid) ?? null;
    return this.#online.get(uid)?.state ?? { uid, activeStatus: ActiveStatus.offline, lastOptTime };
  }

  /** When somebody who is online came. */
  cameAt(uid: number): number {
    return this.#online.get(uid)?.lastOptTime ?? 0;
  }

  /** Lengthens the grace of departures from now on: people whom a stop of this node cuts off come back, to this node or another. */
  lengthenGrace(ms: number): void {
    this.own.lengthenGrace(ms);
  }

  /** The latest time that any node has told, as far as this one knows. */
  get latest(): number {
    return Math.max(this.#told, this.#heard);
  }

  /** Another node has told this time. A clock that is ahead by more than a day is believed for a day. */
  heard(time: number): void {
    this.#heard = Math.max(this.#heard, Math.min(time, this.#clock.now() + DAY_MS));
  }

  /** A connection now belongs to the user. */
  attached(uid: number): void {
    this.own.attached(uid);
  }

  /** A connection of the user ended. */
  detached(uid: number): void {
    this.own.detached(uid);
  }

  /** To be called for each event that is announced. @param untold people whom a joining brings in without their knowledge: not told, not shown */
  onEvent(event: LoggedEvent, untold: ReadonlySet<number> = NOBODY): void {
    if (event.type === Push.MESSAGE) {
      const roomId = roomOfStream(event.stream);
      if (roomId !== undefined) this.#rooms.active(roomId, event.pos);
    } else if (event.type === Push.SELF) {
      const uid = event.data.includes('"block":') ? userOfStream(event.stream) : undefined;
      if (uid !== undefined) this.readAgain([uid]);
    } else this.#reads.onEvent(event, untold);
  }

  /** The rooms of these people differ from what events say. */
  readAgain(uids: readonly number[]): void {
    for (const uid of uids) {
      const person = this.#online.get(uid);
      if (person) this.#reads.add(person);
    }
  }

  /** Resolves when `snapshotFor` knows the user's rooms. @throws what reading them throws */
  async whenKnown(uid: number): Promise<void> {
    const person = this.#online.get(uid);
    if (person) await this.#reads.whenRead(person);
  }

  /**
   * The frames that tell a reader who is online, and at the end how many people are online. Send them in the turn in which the
   * reader is subscribed. `complete` in the last one: nobody was left out.
   * @param uid undefined: an anonymous reader, who is told only the number
   * @param length the most characters of all but the last frame
   */
  snapshotFor(uid: number | undefined, length: number): string[] {
    const person = uid === undefined ? undefined : this.#online.get(uid);
    const shown = person?.isKnown ? this.#rooms.toShow(person) : { rooms: [], complete: person === undefined };
    const frames: string[] = [];
    let complete = shown.complete && (uid === undefined || !this.#isPartial());
    let left = length;
    for (const room of shown.rooms) {
      const frame = room.snapshot(this.#toldCount);
      left -= frame.length;
      if (left < 0) {
        complete = false;
        break;
      }
      frames.push(frame);
    }
    if (this.count !== this.#toldCount) this.#isCountAhead = true;
    const changeList = person ? [person.state] : [];
    frames.push(encodePush(Push.ONLINE_OFFLINE_NOTIFY, { changeList, onlineNum: this.count, complete }));
    return frames;
  }

  /** A node has the user from now on. @param at when that node saw them come */
  came(uid: number, at: number): void {
    const online = this.#online.get(uid);
    if (online) {
      online.nodes += 1;
      return;
    }
    const person: OnlinePerson = new Person(uid, Math.max(at, after(this.#lastSeen.of(uid))));
    this.#online.set(uid, person);
    this.#reads.add(person);
    this.#onChange(person.state);
  }

  /** A node does not have the user any more. @param at when they went, as that node saw it; now, where it did not say so */
  went(uid: number, at: number = this.#notBefore()): void {
    const person = this.#online.get(uid);
    if (!person) return;
    person.nodes -= 1;
    if (person.nodes > 0) return;
    const lastOptTime = Math.max(at, after(person.lastOptTime));
    this.#online.delete(uid);
    person.gone(lastOptTime);
    this.#lastSeen.went(uid, lastOptTime);
    this.#rooms.remove(person);
    this.#onChange({ uid, activeStatus: ActiveStatus.offline, lastOptTime });
  }

  /** The time of a change of this person. */
  #now(uid: number): number {
    return this.#notBefore(after(this.#online.get(uid)?.lastOptTime ?? this.#lastSeen.of(uid)));
  }

  /**
   * A clock that is set back, or is behind another node's, makes no state look older than one that was told before it (Lamport, "Time, Clocks,
   * and the Ordering of Events in a Distributed System", 1978).
   */
  #notBefore(time = 0): number {
    const now = Math.max(time, this.#clock.now(), this.#heard);
    this.#told = Math.max(this.#told, now);
    return now;
  }

  #round(audience: Audience): void {
    this.#tellCount(audience);
    this.#reads.retry();
    this.#rounds += 1;
    if (this.#rounds % SNAPSHOT_ROUNDS === 0) this.#rooms.forgetSnapshots();
    // One round at a time: with very many rooms it takes several turns of the loop.
    this.#telling ??= this.#tellRooms(audience)
      .catch(audience.onError)
      .finally(() => {
        this.#telling = undefined;
      });
  }

  #tellCount({ publish, everybody }: Audience): void {
    const onlineNum = this.count;
    if (onlineNum === this.#toldCount && !this.#isCountAhead) return;
    this.#toldCount = onlineNum;
    this.#isCountAhead = false;
    publish(everybody, encodePush(Push.ONLINE_OFFLINE_NOTIFY, { changeList: [], onlineNum }));
  }

  async #tellRooms({ publish, onError }: Audience): Promise<void> {
    await this.#rooms.readShrunk(this.#readMembers).catch(onError);
    if (this.#stopped) return;
    let told = 0;
    for (const room of this.#rooms.takeChanged()) {
      const frame = room.takeChanges(this.#toldCount);
      if (frame) publish(roomStream(room.id), frame);
      told += 1;
      if (told % ROOMS_PER_TURN !== 0) continue;
      await this.#turn();
      if (this.#stopped) return;
    }
  }
}

/** Each change of a person has a later time than the one before, also within a millisecond and by a clock that was set back. */
function after(time: number | undefined): number {
  return time === undefined ? 0 : time + 1;
}
