import type { Person, Requests } from "./people.ts";
import type { Random } from "./random.ts";

export interface Room {
  id: number;
  readonly owner: Person;
  /** Indices of the readers that are in, as far as who changes it knows. */
  readonly readers: Set<number>;
  /** Only who was slowed down reads here: large messages go here. */
  readonly isFlood: boolean;
}

/** The people and rooms of a run. */
export interface World {
  /** Own and fill the rooms, are in all of them, and never leave. */
  readonly senders: readonly Person[];
  /** Each reads by one client under test. */
  readonly readers: readonly Person[];
  /** Each comes back too late now and then, and gets a RESYNC. Their rooms stay as they are, and so do they in them. */
  readonly returners: readonly Person[];
  readonly steadyRooms: readonly Room[];
  /** Without those for floods; the first few hold everybody at first. */
  readonly rooms: Room[];
  readonly floodRooms: readonly Room[];
}

const SENDERS = 6;
const BIG_ROOMS = 2;
export const RETURNERS = 2;
const STEADY_ROOMS = 3;
/** Readers that share a room for floods. */
export const FLOOD_READERS = 4;

/** Passwords are hashed two at a time, so accounts are made a few at a time. */
export async function makeWorld(
  requests: Requests,
  { readers: count, rooms, random }: { readers: number; rooms: number; random: Random },
): Promise<World> {
  const people: Person[] = [];
  const all = SENDERS + count + RETURNERS;
  const names = Array.from({ length: all }, (_, i) => (i < SENDERS ? `sender ${i}` : `reader ${i}`));
  while (people.length < names.length) {
    const next = names.slice(people.length, people.length + 8);
    people.push(...(await Promise.all(next.map((name) => requests.signUp(name)))));
  }
  const senders = people.slice(0, SENDERS);
  const readers = people.slice(SENDERS, SENDERS + count);
  const returners = people.slice(SENDERS + count);
  const everybody = readers.map((_, i) => i);
  const plans = Array.from({ length: rooms }, (_, i) => ({
    owner: senders[i % SENDERS] as Person,
    readers: new Set(i < BIG_ROOMS ? everybody : random.some(everybody, random.between(2, 8))),
    isFlood: false,
  }));
  for (let first = 0; first < count; first += FLOOD_READERS) {
    const own = everybody.slice(first, first + FLOOD_READERS);
    plans.push({ owner: senders[0] as Person, readers: new Set(own), isFlood: true });
  }
  const made: Room[] = [];
  for (const plan of plans) made.push(await makeRoom(requests, { senders, readers }, plan));
  const steady = { owner: senders[0] as Person, readers: new Set(returners.keys()), isFlood: false };
  const steadyRooms: Room[] = [];
  while (steadyRooms.length < STEADY_ROOMS) {
    steadyRooms.push(await makeRoom(requests, { senders, readers: returners }, steady));
  }
  return {
    senders,
    readers,
    returners,
    steadyRooms,
    rooms: made.filter(({ isFlood }) => !isFlood),
    floodRooms: made.filter(({ isFlood }) => isFlood),
  };
}

export async function makeRoom(
  requests: Requests,
  { senders, readers }: Pick<World, "senders" | "readers">,
  plan: Omit<Room, "id">,
): Promise<Room> {
  const memberIds = [...senders, ...[...plan.readers].map((i) => readers[i] as Person)].map(({ uid }) => uid);
  const { body } = await requests.ask(plan.owner, "POST", "/rooms", { name: "room", memberIds });
  return { ...plan, id: Number(body.id ?? 0) };
}
