import type { Book } from "./ledger.ts";
import { keyOf } from "./log-changes.ts";
import type { Person, Requests } from "./people.ts";
import { cursorParts } from "./places.ts";
import type { Random } from "./random.ts";

export interface Room {
  id: number;
  readonly owner: Person;
  /** Indices of the readers that are in, as far as the part of the test that changes this knows. */
  readonly readers: Set<number>;
  /** Only readers that are slowed down are in these rooms, and large messages are sent here. */
  readonly isFlood: boolean;
}

/** The people and rooms of a run. */
export interface World {
  /** These own and fill the rooms, are in all of them, and never leave. */
  readonly senders: readonly Person[];
  /** Each of these reads with one client under test. */
  readonly readers: readonly Person[];
  /** Each of these comes back too late now and then, and gets a RESYNC. Their rooms and the rooms' members stay as they are. */
  readonly lateReaders: readonly Person[];
  /** These write in the hall, and are banned now and then. */
  readonly guests: readonly Person[];
  readonly fixedRooms: readonly Room[];
  /** The rooms for floods are not among these; the first few hold everybody at first. */
  readonly rooms: Room[];
  readonly floodRooms: readonly Room[];
}

const SENDERS = 6;
const BIG_ROOMS = 2;
export const LATE_READERS = 2;
const GUESTS = 2;
const FIXED_ROOMS = 3;
/** Readers that share a room for floods. */
export const FLOOD_READERS = 4;

/** How requests are sent to the server, and where its answers are written down. */
export interface Asking {
  readonly requests: Requests;
  readonly book: Book;
}

/** Passwords are hashed two at a time, so accounts are made a few at a time. */
export async function makeWorld(
  parts: Asking,
  { readers: count, rooms, random }: { readers: number; rooms: number; random: Random },
): Promise<World> {
  const { requests } = parts;
  const people: Person[] = [];
  const all = SENDERS + count + LATE_READERS + GUESTS;
  const names = Array.from({ length: all }, (_, i) => (i < SENDERS ? `sender ${i}` : `reader ${i}`));
  while (people.length < names.length) {
    const next = names.slice(people.length, people.length + 8);
    people.push(...(await Promise.all(next.map((name) => requests.signUp(name)))));
  }
  const senders = people.slice(0, SENDERS);
  const readers = people.slice(SENDERS, SENDERS + count);
  const lateReaders = people.slice(SENDERS + count, SENDERS + count + LATE_READERS);
  const guests = people.slice(-GUESTS);
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
  for (const plan of plans) made.push(await makeRoom(parts, { senders, readers }, plan));
  const fixed = { owner: senders[0] as Person, readers: new Set(lateReaders.keys()), isFlood: false };
  const fixedRooms: Room[] = [];
  while (fixedRooms.length < FIXED_ROOMS) {
    fixedRooms.push(await makeRoom(parts, { senders, readers: lateReaders }, fixed));
  }
  return {
    senders,
    readers,
    lateReaders,
    guests,
    fixedRooms,
    rooms: made.filter(({ isFlood }) => !isFlood),
    floodRooms: made.filter(({ isFlood }) => isFlood),
  };
}

export async function makeRoom(
  { requests, book }: Asking,
  { senders, readers }: Pick<World, "senders" | "readers">,
  plan: Omit<Room, "id">,
): Promise<Room> {
  const memberIds = [...senders, ...[...plan.readers].map((i) => readers[i] as Person)].map(({ uid }) => uid);
  const asked = requests.ask(plan.owner, "POST", "/rooms", { name: "room", memberIds });
  const { body, tries } = await book.commands.book(asked, ({ id }) =>
    id === undefined
      ? []
      : memberIds.map((uid) => ({ key: keyOf.member(Number(id), uid), value: "in", proof: "event" as const })),
  );
  const id = Number(body.id ?? 0);
  book.commands.made(id, tries);
  return { ...plan, id };
}

/** Names are never repeated; the history setting may stay the same. */
export async function changeRoom(
  { requests, book }: Asking,
  { id, owner }: Room,
  change: { name: string } | { history: string },
): Promise<void> {
  const asked = requests.ask(owner, "PATCH", `/rooms/${id}`, change);
  const claims = Object.entries(change).map(([what, value]) => ({
    key: keyOf.room(id, what as "name" | "history"),
    value,
    proof: what === "name" ? ("event" as const) : ("is so" as const),
  }));
  const { status, body } = await book.commands.book(asked, () => claims);
  if (status !== 200) return;
  // Somebody else may have changed this since; it has to be as the log has it at that place.
  const { floor } = cursorParts(String(body.asOf));
  for (const what of ["name", "history"] as const) {
    book.commands.saw({ key: keyOf.room(id, what), value: String(body[what]) }, floor);
  }
}
