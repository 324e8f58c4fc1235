import { cpSync } from "node:fs";
import { join } from "node:path";
import { type SeededPerson, seed, writeTokens } from "./seed.ts";

/** A place of ten thousand people, each in twenty rooms out of five thousand. */
export const PEOPLE = 10_000;
export const ROOMS_EACH = 20;
export const ROOM_SIZE = 40;
export const ROOMS = (PEOPLE * ROOMS_EACH) / ROOM_SIZE;

export interface ManyRooms {
  readonly dataDir: string;
  readonly people: readonly SeededPerson[];
  /** The file of their tokens, in the same order. */
  readonly tokens: string;
  readonly rooms: readonly { readonly roomId: number; readonly members: readonly SeededPerson[] }[];
}

/** Takes half a minute or so. The rooms of each person are drawn at random, the same each time. */
export async function seedManyRooms(folder: string): Promise<ManyRooms> {
  const dataDir = join(folder, "data");
  let places: number[][] = [];
  const wish = (uids: readonly number[]) => {
    places = mixedRooms(uids, randomFrom(20_001));
    return places;
  };
  const { people, rooms } = await seed(dataDir, { people: PEOPLE, rooms: wish });
  const byUid = new Map(people.map((person) => [person.uid, person]));
  const tokens = await writeTokens(folder, people);
  return {
    dataDir,
    people,
    tokens,
    rooms: rooms.map((roomId, index) => ({
      roomId,
      members: (places[index] ?? []).map((uid) => byUid.get(uid) as SeededPerson),
    })),
  };
}

/** A copy of a folder that no server has open, since each server needs one of its own. */
export function copyOf(dataDir: string, name: string): string {
  const copy = `${dataDir}-${name}`;
  cpSync(dataDir, copy, { recursive: true });
  return copy;
}

/** In each of the twenty rounds everybody is put into one room of forty. */
function mixedRooms(uids: readonly number[], random: () => number): number[][] {
  const rooms: number[][] = [];
  for (let round = 0; round < ROOMS_EACH; round++) {
    const mixed = [...uids];
    for (let i = mixed.length - 1; i > 0; i--) {
      const other = Math.floor(random() * (i + 1));
      [mixed[i], mixed[other]] = [mixed[other] as number, mixed[i] as number];
    }
    for (let at = 0; at < mixed.length; at += ROOM_SIZE) rooms.push(mixed.slice(at, at + ROOM_SIZE));
  }
  return rooms;
}

/** Numbers from 0 up to 1, the same ones for the same start: a linear congruential generator is even enough here. */
function randomFrom(start: number): () => number {
  let state = start;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
