import { HALL_ROOM_ID, type Ref } from "@parley/protocol";
import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import { peopleByRef } from "../identity/external-people.ts";
import { type UnknownRef, unknownIn, unknownRefs } from "../identity/unknown-refs.ts";
import { roomsByRef } from "../rooms/external-rooms.ts";
import type { HallRules } from "../rooms/rooms.ts";

/** To whom something goes: one of the three is there. */
export interface To {
  readonly users?: readonly Ref[] | undefined;
  readonly rooms?: readonly Ref[] | undefined;
  readonly all?: true | undefined;
}

export interface Asked {
  readonly to: To;
  /** Those whom nobody knows are left out; else they refuse the request. */
  readonly skipUnknown: boolean;
  /** Of the configuration, which the thread that writes does not know. */
  readonly hall: HallRules;
}

/** Those who are meant, each once. */
export interface Recipients {
  readonly uids: readonly number[] | "all";
  readonly roomIds: readonly number[];
  /** Those whom nobody knows, where that is no reason to refuse. */
  readonly skipped: readonly UnknownRef[];
}

/**
 * Finds the people and rooms that requests name, by at most five queries for all of them.
 * @returns what tells of one request who is meant. It throws ProblemError `unknown_user` or `unknown_room` with the place of each name.
 */
export async function recipientsOf(db: Kysely<Schema>, asked: readonly Asked[]): Promise<(of: Asked) => Recipients> {
  const people = await peopleByRef(db, named(asked, "users"));
  const rooms = await roomsByRef(db, named(asked, "rooms"));
  const uidOf = (ref: Ref) => people.get(ref)?.uid;
  return ({ to, skipUnknown, hall }) => {
    const roomIdOf = (ref: Ref) => {
      const room = rooms.get(ref);
      const isThere = room && room.dissolved_at === null && (room.id !== HALL_ROOM_ID || hall.access !== "off");
      return isThere ? room.id : undefined;
    };
    if (to.all) return { uids: "all", roomIds: [], skipped: [] };
    const [which, names, idOf] = to.users
      ? (["users", to.users, uidOf] as const)
      : (["rooms", to.rooms ?? [], roomIdOf] as const);
    const skipped = unknownIn(`to.${which}`, names, (ref) => idOf(ref) !== undefined);
    if (skipped.length > 0 && !skipUnknown) {
      throw unknownRefs(which === "users" ? "unknown_user" : "unknown_room", skipped);
    }
    const ids = [...new Set(names.flatMap((ref) => idOf(ref) ?? []))];
    return to.users ? { uids: ids, roomIds: [], skipped } : { uids: [], roomIds: ids, skipped };
  };
}

/** How many a request names, which is what rates count. */
export function countOf({ users, rooms }: To): number {
  return (users ?? rooms ?? []).length;
}

function named(asked: readonly Asked[], which: "users" | "rooms"): Ref[] {
  return [...new Set(asked.flatMap(({ to }) => to[which] ?? []))];
}
