import type { Ref } from "@parley/protocol";
import type { Kysely } from "kysely";
import { prepared } from "../db/prepared.ts";
import { numberList, textList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { peopleByRef } from "../identity/external-people.ts";
import { unknownRefs } from "../identity/unknown-refs.ts";
import { ProblemError } from "../lib/problem.ts";
import { directKeyOf } from "../rooms/rooms.ts";

export type PairOfUids = readonly [number, number];

interface Named {
  readonly room: Ref | null;
  readonly direct: readonly [Ref, Ref] | null;
  readonly from: Ref | null;
  readonly mentions: readonly Ref[] | "all";
}

/** The people and rooms that are meant by the names that messages use: uids and ids of rooms, or the refusal that says which name is nobody's. */
export class Destinations {
  readonly #uids: ReadonlyMap<Ref, number>;
  readonly #rooms: ReadonlyMap<Ref, number>;
  /** Rooms of two, by `pairKey`. */
  readonly #directs = new Map<string, number>();

  constructor(uids: ReadonlyMap<Ref, number>, rooms: ReadonlyMap<Ref, number>) {
    this.#uids = uids;
    this.#rooms = rooms;
  }

  /** @throws ProblemError `unknown_user` with the place in the request */
  personAt(ref: Ref, path: string): number {
    const uid = this.#uids.get(ref);
    if (uid === undefined) throw unknownRefs("unknown_user", [{ path, ref }]);
    return uid;
  }

  /** Those who are somebody. */
  uidsOf(refs: readonly Ref[]): number[] {
    return refs.flatMap((ref) => this.#uids.get(ref) ?? []);
  }

  /** @throws ProblemError `unknown_room` */
  roomAt(ref: Ref): number {
    const id = this.#rooms.get(ref);
    if (id === undefined) throw unknownRefs("unknown_room", [{ path: "room", ref }]);
    return id;
  }

  /** @throws ProblemError `unknown_user`, `own_account` */
  pairAt([a, b]: readonly [Ref, Ref]): PairOfUids {
    const pair = [this.personAt(a, "direct.0"), this.personAt(b, "direct.1")] as const;
    if (pair[0] === pair[1]) throw new ProblemError("own_account", "A direct room is for two people");
    return pair;
  }

  /** The room of two people, where there is one. */
  directRoom(pair: PairOfUids): number | undefined {
    return this.#directs.get(pairKey(pair));
  }

  /** From now on these two have a room. */
  opened(key: string, roomId: number): void {
    this.#directs.set(key, roomId);
  }
}

/** The same for both orders. */
export function pairKey([a, b]: PairOfUids): string {
  return directKeyOf(a, b);
}

/** At most five queries, whatever the number of messages. */
export async function destinationsOf(db: Kysely<Schema>, messages: readonly Named[]): Promise<Destinations> {
  const people = new Set<Ref>();
  const rooms = new Set<Ref>();
  for (const { room, direct, from, mentions } of messages) {
    if (room !== null) rooms.add(room);
    for (const ref of direct ?? []) people.add(ref);
    if (from !== null) people.add(from);
    if (mentions !== "all") for (const ref of mentions) people.add(ref);
  }
  const found = await peopleByRef(db, [...people]);
  const uids = new Map([...found].map(([ref, { uid }]) => [ref, uid]));
  const known = new Destinations(uids, await roomIds(db, [...rooms]));
  const pairs = messages.flatMap(({ direct }) => {
    const [a, b] = (direct ?? []).map((ref) => uids.get(ref));
    return a === undefined || b === undefined ? [] : [pairKey([a, b])];
  });
  const directs = pairs.length === 0 ? [] : await byDirectKey(db, [...new Set(pairs)]);
  for (const { id, direct_key } of directs) known.opened(direct_key as string, id);
  return known;
}

async function roomIds(db: Kysely<Schema>, refs: readonly Ref[]): Promise<Map<Ref, number>> {
  const externalIds = refs.filter((ref) => typeof ref === "string");
  const ids = refs.filter((ref) => typeof ref === "number");
  const managed = externalIds.length === 0 ? [] : await byExternalId(db, externalIds);
  const others = ids.length === 0 ? [] : await byId(db, ids);
  return new Map<Ref, number>([
    ...managed.map(({ id, external_id }): [Ref, number] => [external_id as string, id]),
    ...others.map(({ id }): [Ref, number] => [id, id]),
  ]);
}

const byExternalId = prepared((db, ids) =>
  db.selectFrom("rooms").select(["id", "external_id"]).where("external_id", "in", textList(ids)),
);
const byId = prepared((db, ids) => db.selectFrom("rooms").select("id").where("id", "in", numberList(ids)));
const byDirectKey = prepared((db, keys) =>
  db.selectFrom("rooms").select(["id", "direct_key"]).where("direct_key", "in", textList(keys)),
);
