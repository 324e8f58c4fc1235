import { roomOfStream, type SubscriptionChange } from "@parley/protocol";
import { isHidden, type OnlinePerson, OnlineRoom } from "./online-room.ts";
import { NOT_READ, type ToldState } from "./person.ts";

/** A room of a person, as the database had it. */
export interface RoomOfPerson {
  readonly roomId: number;
  readonly memberCount: number;
  /** Position of the newest message, or of joining if that is later. */
  readonly activity: number;
  /** A direct room: it is shown first. */
  readonly isDirect?: boolean;
  /** Its members take the person for offline. */
  readonly isHidden?: boolean;
}

/** What is read about somebody who comes online. */
export interface RoomsRead {
  readonly rows: readonly RoomOfPerson[];
  /** People whom they have blocked. */
  readonly blocked?: readonly number[];
}

export interface OnlineRoomsParts {
  readonly personOf: (uid: number) => OnlinePerson | undefined;
  /** The state of somebody who is not online; undefined: they were not online since this node started. */
  readonly offlineStateOf: (uid: number) => ToldState | undefined;
  /** The state of somebody who goes offline now for only some of the others. */
  readonly offlineSince: (person: OnlinePerson) => ToldState & { readonly lastOptTime: number };
  readonly everybody: () => Iterable<OnlinePerson>;
  /** Their rooms have to be read again. */
  readonly readAgain: (person: OnlinePerson) => void;
}

/** The most people whose states a reader gets when they begin to read; a person counts once in each shared room. */
export const SNAPSHOT_PEOPLE_MAX = 2000;

/** One list for all of the many people who have blocked nobody. */
const NOBODY: readonly number[] = [];

/** Rounds, of a second each, between two times that a room is told everything because it has become small: that is a large frame for each of its members. */
const REOPEN_ROUNDS = 60;

/**
 * Knows which people are online in which room: they are put into their rooms as the database has them, and events keep that up to date. An
 * event counts once, by its position, for each person and for each room's number of members, so it does not matter whether it is handled
 * before, during or after the read. A room is kept while somebody in it is online.
 */
export class OnlineRooms {
  readonly #parts: OnlineRoomsParts;
  readonly #rooms = new Map<number, OnlineRoom>();
  /** Rooms that were large, whose members have not been told yet who has gone. */
  readonly #shrunk = new Set<OnlineRoom>();
  /** Rooms that wait until they may be told everything again. */
  readonly #waiting = new Set<OnlineRoom>();
  #round = 0;
  /** Rooms with changes that were not told. */
  #changed: OnlineRoom[] = [];
  /** People online who have blocked somebody, by whom. */
  readonly #blockers = new Map<number, Set<OnlinePerson>>();

  constructor(parts: OnlineRoomsParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#rooms.size;
  }

  /** At this position the person is in exactly these rooms and has blocked these people. */
  place(person: OnlinePerson, { rows, blocked = NOBODY }: RoomsRead, asOf: number): void {
    this.#noteBlocked(person, blocked);
    const before = person.rooms.length > 0 ? new Set(person.rooms) : undefined;
    const otherwise: OnlineRoom[] = [];
    for (const row of rows) {
      const room = this.#rooms.get(row.roomId) ?? new OnlineRoom(row, asOf);
      if (!before?.delete(room)) this.#enter(room, person, row.isHidden);
      else if (isHidden(person, room) !== (row.isHidden === true)) otherwise.push(room);
    }
    this.#turnHidden(person, otherwise);
    for (const room of before ?? []) this.#leave(room, person);
    // A copy takes no more memory than it needs.
    person.rooms = person.rooms.slice();
    person.asOf = asOf;
    person.isKnown = true;
  }

  /** The person has gone offline. */
  remove(person: OnlinePerson): void {
    for (const room of person.rooms) {
      room.leave(person);
      if (room.people === 0) this.#forget(room);
      else if (!isHidden(person, room)) this.#mark(room, person);
    }
    person.rooms = [];
    person.hiddenIn = undefined;
    this.#noteBlocked(person, NOBODY);
  }

  /** A room's own event that changes its members. @param untold those who come in without their knowledge: they count, and are not shown */
  apply(change: SubscriptionChange, pos: number, untold?: ReadonlySet<number>): void {
    const room = this.#rooms.get(roomOfStream(change.stream) as number);
    if (change.kind === "end") return room && pos > room.asOf ? this.#end(room) : undefined;
    if (room && pos > room.asOf)
      this.#count(room, change.kind === "join" ? change.uids.length : -change.uids.length, pos);
    if (room && this.#blockers.size > 0) for (const uid of change.uids) this.#meet(room, uid, change.kind);
    for (const uid of change.uids) {
      if (untold?.has(uid)) continue;
      const person = this.#parts.personOf(uid);
      if (person) this.#move(person, { room, kind: change.kind, pos });
      else if (room && change.kind === "join") this.#mark(room, this.#parts.offlineStateOf(uid));
      else room?.forget(uid);
    }
  }

  /** Events that are applied while their rooms are being read are corrected by the read, and then applied again. */
  #move(
    person: OnlinePerson,
    { room, kind, pos }: { room: OnlineRoom | undefined; kind: "join" | "leave"; pos: number },
  ): void {
    const isBeingRead = person.asOf === NOT_READ;
    if (room && kind === "leave" && !person.rooms.includes(room)) room.forget(person.uid);
    if (!isBeingRead && pos <= person.asOf) return;
    // Nobody in it was online, so its number of members is not known; or it is not known whether somebody whom they have blocked is there.
    const isUnsure = !room || person.blocked.length > 0;
    if (isUnsure && kind === "join" && !isBeingRead) return this.#parts.readAgain(person);
    if (room && kind === "leave") this.#leave(room, person);
    if (room && kind === "join" && !person.rooms.includes(room)) this.#enter(room, person);
    if (!isBeingRead) person.asOf = pos;
  }

  /** Somebody has come into a room or left it: people there who have blocked them become offline to its members, or no longer are. */
  #meet(room: OnlineRoom, uid: number, kind: "join" | "leave"): void {
    for (const person of this.#blockers.get(uid) ?? []) {
      if (kind === "join" && person.rooms.includes(room) && !isHidden(person, room)) this.#turnHidden(person, [room]);
      // Others whom they have blocked may be there still.
      if (kind === "leave" && isHidden(person, room)) this.#parts.readAgain(person);
    }
  }

  /**
   * Hides somebody from the members of rooms that take them for online, and shows them to those of others. Some of the members may share
   * another room with them, in which they are shown: there the state is told again, with a later time, so that it wins in whatever order
   * the frames arrive.
   */
  #turnHidden(person: OnlinePerson, rooms: readonly OnlineRoom[]): void {
    if (rooms.length === 0) return;
    const gone = this.#parts.offlineSince(person);
    person.cameAt(gone.lastOptTime + 1);
    for (const room of rooms) {
      if (isHidden(person, room)) {
        person.hiddenIn?.delete(room);
        room.show(person);
      } else {
        room.hide(person);
        person.hiddenIn = (person.hiddenIn ?? new Set()).add(room);
        this.#mark(room, gone);
      }
    }
    for (const room of person.rooms) {
      room.forgetSnapshot();
      if (!isHidden(person, room)) this.#mark(room, person);
    }
  }

  #noteBlocked(person: OnlinePerson, blocked: readonly number[]): void {
    for (const uid of person.blocked) {
      const blockers = this.#blockers.get(uid);
      blockers?.delete(person);
      if (blockers?.size === 0) this.#blockers.delete(uid);
    }
    person.blocked = blocked;
    for (const uid of blocked) this.#blockers.set(uid, (this.#blockers.get(uid) ?? new Set()).add(person));
  }

  /**
   * Called once in each round, before its changes are taken. In rooms that have become small it also tells who has gone. What a reader
   * believes about a member may come from any room that they shared earlier.
   * @throws what `readMembers` throws; the next call tries it again
   */
  async readShrunk(readMembers: (roomId: number) => Promise<readonly number[]>): Promise<void> {
    this.#round += 1;
    for (const room of this.#waiting) if (this.#mayReopen(room)) this.#endWait(room);
    for (const room of this.#shrunk) {
      room.leftMeanwhile = new Set();
      const members = await readMembers(room.id);
      this.#shrunk.delete(room);
      if (this.#rooms.get(room.id) !== room) continue;
      for (const uid of members) {
        if (room.leftMeanwhile.has(uid) || this.#parts.personOf(uid)) continue;
        this.#mark(room, this.#parts.offlineStateOf(uid));
      }
      room.leftMeanwhile = undefined;
    }
  }

  /** A message was sent in the room. */
  active(roomId: number, pos: number): void {
    const room = this.#rooms.get(roomId);
    if (room) room.activity = pos;
  }

  /** Rooms with changes; from now on they count as told, as soon as each one's `takeChanges` is called. */
  takeChanged(): Iterable<OnlineRoom> {
    const changed = this.#changed;
    this.#changed = [];
    return changed;
  }

  forgetSnapshots(): void {
    for (const room of this.#rooms.values()) room.forgetSnapshot();
  }

  /**
   * Rooms whose snapshots together tell a person who is online, newest activity first if not all fit.
   * @returns `complete`: whether all fit
   */
  toShow(person: OnlinePerson): { rooms: OnlineRoom[]; complete: boolean } {
    // In all others the person is alone.
    const rooms = person.rooms.filter((room) => room.online.length > (isHidden(person, room) ? 0 : 1));
    let people = 0;
    for (const { online } of rooms) people += online.length;
    const complete = !person.rooms.some((room) => room.waits);
    if (people <= SNAPSHOT_PEOPLE_MAX) return { rooms, complete };
    // Direct rooms first: friends have one with each other.
    rooms.sort((a, b) => Number(b.isDirect) - Number(a.isDirect) || b.activity - a.activity);
    const shown: OnlineRoom[] = [];
    let left = SNAPSHOT_PEOPLE_MAX;
    for (const room of rooms) {
      left -= room.online.length;
      if (left < 0) break;
      shown.push(room);
    }
    return { rooms: shown, complete: false };
  }

  #enter(room: OnlineRoom, person: OnlinePerson, hidden = false): void {
    if (room.people === 0) this.#rooms.set(room.id, room);
    person.rooms.push(room);
    if (hidden) person.hiddenIn = (person.hiddenIn ?? new Set()).add(room);
    room.enter(person);
    if (!hidden) this.#mark(room, person);
  }

  #leave(room: OnlineRoom, person: OnlinePerson): void {
    const index = person.rooms.indexOf(room);
    if (index < 0) return;
    person.rooms.splice(index, 1);
    room.leave(person);
    person.hiddenIn?.delete(room);
    room.forget(person.uid);
    if (room.people === 0) this.#forget(room);
  }

  #end(room: OnlineRoom): void {
    for (const person of room.isSmall ? room.online : this.#parts.everybody()) {
      const index = person.rooms.indexOf(room);
      if (index >= 0) person.rooms.splice(index, 1);
      person.hiddenIn?.delete(room);
    }
    this.#forget(room);
  }

  /** A room that becomes large is told nothing more; one that becomes small is told everything, but not over and over. */
  #count(room: OnlineRoom, by: number, pos: number): void {
    const wasSmall = room.isSmall;
    room.memberCount += by;
    room.asOf = pos;
    if (room.isSmall === wasSmall) return;
    if (!room.isSmall) return room.close();
    if (this.#mayReopen(room)) return this.#reopen(room);
    room.waits = true;
    this.#waiting.add(room);
  }

  #mayReopen(room: OnlineRoom): boolean {
    return this.#round - room.reopenedIn >= REOPEN_ROUNDS;
  }

  #endWait(room: OnlineRoom): void {
    this.#waiting.delete(room);
    room.waits = false;
    if (room.isSmall) this.#reopen(room);
  }

  #reopen(room: OnlineRoom): void {
    room.reopenedIn = this.#round;
    this.#shrunk.add(room);
    for (const person of this.#parts.everybody()) {
      if (!person.rooms.includes(room) || isHidden(person, room)) continue;
      room.online.push(person);
      this.#mark(room, person);
    }
  }

  #mark(room: OnlineRoom, state: ToldState | undefined): void {
    if (!room.isSmall || !state) return;
    if (room.changed) room.changed.push(state);
    else {
      room.changed = [state];
      this.#changed.push(room);
    }
  }

  #forget(room: OnlineRoom): void {
    this.#rooms.delete(room.id);
    this.#shrunk.delete(room);
    this.#waiting.delete(room);
    room.changed = undefined;
  }
}
