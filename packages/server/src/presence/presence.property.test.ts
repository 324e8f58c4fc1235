import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { ActiveStatus, ChangeType, LIMITS, Push, roomOfStream, roomStream } from "@parley/protocol";
import fc from "fast-check";
import type { LoggedEvent } from "../db/transaction.ts";
import { ManualClock } from "../lib/clock.ts";
import { Presence } from "./presence.ts";

/*
 * People come, go and are cut off for less than the grace; rooms get members, lose them, grow beyond the bound, shrink and end. What the
 * log says is announced some time after the database has it, and rooms are read slowly. In the end every reader knows whether the people
 * with whom they share a small room are online.
 */
const PEOPLE = [20_000, 20_001, 20_002, 20_003, 20_004];
const ROOMS = [2, 3, 4];
/** People who are never online, as many as make any room large. */
const CROWD = Array.from({ length: LIMITS.presenceRoomMembers }, (_, i) => 30_000 + i);

interface State {
  readonly uid: number;
  readonly activeStatus: number;
  readonly lastOptTime: number | null;
}

/** What a client concludes from the frames. */
class View {
  readonly #known = new Map<number, State>();
  onlineNum = -1;

  take(state: State): void {
    const known = this.#known.get(state.uid);
    if (known && (state.lastOptTime ?? 0) < (known.lastOptTime ?? 0)) return;
    this.#known.set(state.uid, state);
  }

  frame(text: string): void {
    const { data } = JSON.parse(text) as { data: { changeList: State[]; onlineNum: number } };
    for (const state of data.changeList) this.take(state);
    this.onlineNum = data.onlineNum;
  }

  isOnline(uid: number): boolean {
    return this.#known.get(uid)?.activeStatus === ActiveStatus.online;
  }
}

interface Connection {
  readonly uid: number;
  isOpen: boolean;
  readonly view: View;
  readonly streams: Set<string>;
}

class World {
  readonly clock = new ManualClock();
  readonly connections: Connection[] = [];
  /** People who were named in a room that they were not in. */
  readonly strangers: string[] = [];
  /** Members, as committed and as announced. */
  readonly committed = new Map<number, Set<number>>();
  readonly #announced = new Map<number, Set<number>>();
  readonly #waiting: LoggedEvent[] = [];
  readonly #ended = new Set<number>();
  readonly #reads: (() => void)[] = [];
  #pos = 100;
  readonly presence = new Presence({
    clock: this.clock,
    turn: async () => {},
    readMembers: async (roomId) => {
      const members = [...(this.committed.get(roomId) ?? [])];
      await settle();
      return members;
    },
    readRooms: (uid) => {
      const rows = [...this.committed].flatMap(([roomId, members]) =>
        members.has(uid) ? [{ roomId, memberCount: members.size, activity: roomId }] : [],
      );
      const found = { asOf: this.#pos, rows };
      return new Promise((resolve) => this.#reads.push(() => resolve(found)));
    },
  });
  readonly stop = this.presence.start({
    publish: (stream, frame) => this.#publish(stream, frame),
    everybody: "all",
    onError: (error) => {
      throw error;
    },
  });

  attach(uid: number): Connection {
    const connection: Connection = { uid, isOpen: true, streams: new Set(), view: new View() };
    this.connections.push(connection);
    this.presence.attached(uid);
    return connection;
  }

  detach(uid: number): void {
    const index = this.connections.findIndex((one) => one.uid === uid);
    if (index < 0) return;
    for (const connection of this.connections.splice(index, 1)) connection.isOpen = false;
    this.presence.detached(uid);
  }

  /** A connection that gets who is online as soon as that is known. */
  read(uid: number): void {
    const connection = this.attach(uid);
    void this.presence.whenKnown(uid).then(() => {
      if (!connection.isOpen) return;
      connection.streams.add("all");
      for (const [id, members] of this.#announced) if (members.has(uid)) connection.streams.add(roomStream(id));
      for (const frame of this.presence.snapshotFor(uid, 1_000_000)) connection.view.frame(frame);
    });
  }

  /** Those that are told. */
  get readers(): Connection[] {
    return this.connections.filter(({ streams }) => streams.size > 0);
  }

  change(roomId: number, uids: readonly number[], joins: boolean): void {
    // The number of a room is never used again.
    if (this.#ended.has(roomId)) return;
    const members = this.committed.get(roomId);
    const moved = uids.filter((uid) => (members?.has(uid) ?? false) !== joins);
    if (moved.length === 0) return;
    const now = members ?? new Set<number>();
    this.committed.set(roomId, now);
    for (const uid of moved) joins ? now.add(uid) : now.delete(uid);
    const changeType = joins ? ChangeType.joined : ChangeType.left;
    this.#log(roomId, Push.MEMBER_CHANGE, { roomId, uid: moved[0], uids: moved, changeType });
  }

  end(roomId: number): void {
    if (!this.committed.delete(roomId)) return;
    this.#ended.add(roomId);
    this.#log(roomId, Push.ROOM, { roomId, dissolved: true });
  }

  announce(): void {
    const event = this.#waiting.shift();
    if (!event) return;
    const roomId = roomOfStream(event.stream) as number;
    const { uids = [], changeType } = JSON.parse(event.data) as { uids?: number[]; changeType?: number };
    const members = this.#announced.get(roomId) ?? new Set();
    this.#announced.set(roomId, members);
    const joins = changeType === ChangeType.joined;
    for (const uid of uids) joins ? members.add(uid) : members.delete(uid);
    if (event.type === Push.ROOM) this.#announced.delete(roomId);
    this.presence.onEvent(event);
    for (const reader of this.readers) {
      if (event.type === Push.ROOM || (!joins && uids.includes(reader.uid))) reader.streams.delete(event.stream);
      if (!joins || !uids.includes(reader.uid)) continue;
      reader.streams.add(event.stream);
      // A newcomer reads the members over HTTP.
      for (const uid of this.committed.get(roomId) ?? []) reader.view.take(this.presence.stateOf(uid));
    }
  }

  answer(): void {
    this.#reads.shift()?.();
  }

  async pass(ms: number): Promise<void> {
    await settle();
    this.clock.advance(ms);
    jest.advanceTimersByTime(ms);
    await settle();
  }

  async comeToRest(): Promise<void> {
    for (let i = 0; i < 60; i++) {
      this.announce();
      this.answer();
      await settle();
    }
    for (let second = 0; second < 10; second++) {
      await this.pass(1000);
      this.answer();
    }
    // A room that became small over and over is told everything when its minute is over (GW-83).
    for (let second = 0; second < 60; second++) await this.pass(1000);
  }

  #log(roomId: number, type: number, data: object): void {
    this.#pos += 1;
    this.#waiting.push({
      pos: this.#pos,
      stream: roomStream(roomId),
      seq: this.#pos,
      type,
      data: JSON.stringify(data),
    } as LoggedEvent);
  }

  #publish(stream: string, frame: string): void {
    this.#onlyMembers(stream, frame);
    for (const reader of this.readers) if (reader.streams.has(stream)) reader.view.frame(frame);
  }

  /** Nobody is told about people who are not in the room. While changes of it wait to be announced it may be at any of them. */
  #onlyMembers(stream: string, frame: string): void {
    const roomId = roomOfStream(stream);
    if (roomId === undefined || this.#waiting.some((event) => event.stream === stream)) return;
    const { changeList } = JSON.parse(frame).data as { changeList: State[] };
    for (const { uid } of changeList) {
      if (!this.committed.get(roomId)?.has(uid)) this.strangers.push(`${uid} in room ${roomId}`);
    }
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
}

type Step = (world: World) => unknown;
const person = fc.constantFrom(...PEOPLE);
const room = fc.constantFrom(...ROOMS);
const step: fc.Arbitrary<[string, Step]> = fc.oneof(
  person.map((uid): [string, Step] => [`read ${uid}`, (world) => world.read(uid)]),
  person.map((uid): [string, Step] => [`attach ${uid}`, (world) => world.attach(uid)]),
  person.map((uid): [string, Step] => [`detach ${uid}`, (world) => world.detach(uid)]),
  fc
    .tuple(room, fc.uniqueArray(person, { minLength: 1 }))
    .map(([id, uids]): [string, Step] => [`join ${id} ${uids}`, (world) => world.change(id, uids, true)]),
  fc
    .tuple(room, person)
    .map(([id, uid]): [string, Step] => [`leave ${id} ${uid}`, (world) => world.change(id, [uid], false)]),
  room.map((id): [string, Step] => [`grow ${id}`, (world) => world.change(id, CROWD, true)]),
  room.map((id): [string, Step] => [`shrink ${id}`, (world) => world.change(id, CROWD, false)]),
  room.map((id): [string, Step] => [`end ${id}`, (world) => world.end(id)]),
  fc.constant<[string, Step]>(["announce", (world) => world.announce()]),
  fc.constant<[string, Step]>(["announce", (world) => world.announce()]),
  fc.constant<[string, Step]>(["answer", (world) => world.answer()]),
  fc.constant<[string, Step]>(["answer", (world) => world.answer()]),
  fc.constantFrom(300, 1000, 4000, 6000).map((ms): [string, Step] => [`pass ${ms}`, (world) => world.pass(ms)]),
);

/** After two people are read, an event is applied that makes them be read again: the second read counts. */
const READ_TWICE: [string, Step][] = [
  ["detach 20002", (world) => world.detach(20_002)],
  ["detach 20003", (world) => world.detach(20_003)],
  ["pass 4000", (world) => world.pass(4000)],
  ["leave 4 20004", (world) => world.change(4, [20_004], false)],
  ["pass 1000", (world) => world.pass(1000)],
  ["read 20000", (world) => world.read(20_000)],
  ["join 4 20000,20004", (world) => world.change(4, [20_000, 20_004], true)],
  ["leave 2 20000", (world) => world.change(2, [20_000], false)],
  ...Array.from({ length: 4 }, (): [string, Step] => ["announce", (world) => world.announce()]),
  ["answer", (world) => world.answer()],
];

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test("GW-80, GW-82: whatever happens, everybody knows in the end who is online in their small rooms, and how many are", async () => {
  let judged = 0;
  const steps = fc.array(step, { minLength: 10, maxLength: 100 });
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const world = new World();
      try {
        for (const roomId of ROOMS) world.change(roomId, PEOPLE.slice(roomId - 2), true);
        for (const uid of PEOPLE.slice(1)) world.read(uid);
        for (const [, act] of all) {
          await act(world);
          await settle();
        }
        await world.comeToRest();
        const online = new Set(world.connections.map(({ uid }) => uid));
        expect(world.strangers).toEqual([]);
        expect(world.presence.count).toBe(online.size);
        for (const { uid, view } of world.readers) {
          expect(view.onlineNum).toBe(online.size);
          for (const [roomId, members] of world.committed) {
            if (!members.has(uid) || members.size > LIMITS.presenceRoomMembers) continue;
            for (const other of members) {
              judged += 1;
              expect(`${uid} of ${other} in ${roomId}: ${view.isOnline(other)}`).toBe(
                `${uid} of ${other} in ${roomId}: ${online.has(other)}`,
              );
            }
          }
        }
      } finally {
        world.stop();
      }
    }),
    { numRuns: 2000, examples: [[READ_TWICE]] },
  );
  expect(judged).toBeGreaterThan(10_000);
}, 60_000);
