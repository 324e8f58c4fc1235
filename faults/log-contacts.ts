import type { Database } from "bun:sqlite";
import { addTo } from "./grouped.ts";
import { type Change, keyOf } from "./log-changes.ts";
import type { Problems } from "./problems.ts";

const [APPLY, FRIEND] = [10, 111];
const NO_COPY = "change without its copy";

interface Said {
  readonly uid: number;
  readonly change?: "requested" | "accepted" | "rejected" | "withdrawn" | "removed" | "remark";
  readonly requestId?: number;
  readonly roomId?: number;
  readonly remark?: string;
}

export interface LoggedRequest {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly state: "open" | "accepted" | "rejected";
}

/** What the log says about requests and friends, in the end. */
export interface ContactsLog {
  readonly changes: ReadonlyMap<string, Change[]>;
  readonly requests: ReadonlyMap<number, LoggedRequest>;
  /** By `<uid> <friend>`: the direct room, and the name that the one gives the other. */
  readonly friends: ReadonlyMap<string, { readonly roomId: number | undefined; readonly remark: string }>;
}

interface Half {
  readonly pos: number;
  readonly uid: number;
  readonly said: Said;
}

/** Puts together what the two people of each change heard: the first half is that of the person who asked or acted. */
export function contactsOf(db: Database, problems: Problems): ContactsLog {
  const contacts = new Contacts(problems);
  const rows = db.query<{ pos: number; stream: string; type: number; data: string }, []>(
    `select pos, stream, type, data from events where type in (${APPLY}, ${FRIEND}) order by pos`,
  );
  for (const { pos, stream, type, data } of rows.iterate()) {
    const half = { pos, uid: Number(stream.slice("user:".length)), said: JSON.parse(data) as Said };
    if (type === APPLY) contacts.applied(half);
    else contacts.told(half);
  }
  contacts.end();
  return contacts;
}

class Contacts implements ContactsLog {
  readonly changes = new Map<string, Change[]>();
  readonly requests = new Map<number, LoggedRequest>();
  readonly friends = new Map<string, { roomId: number | undefined; remark: string }>();
  readonly #problems: Problems;
  readonly #halves = new Map<string, Half>();
  readonly #applies = new Set<string>();

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  applied({ uid, said }: Half): void {
    this.#applies.add(`${said.uid} asks ${uid}`);
  }

  told(half: Half): void {
    const { pos, uid, said } = half;
    const { change, requestId = 0 } = said;
    if (change === "remark") return this.#remarked(half);
    const first = this.#halves.get(`${said.uid} ${uid} ${change} ${requestId}`);
    if (!first) {
      const own = `${uid} ${said.uid} ${change} ${requestId}`;
      if (this.#halves.has(own)) this.#problems.add(NO_COPY, `${pos}: ${own}`);
      this.#halves.set(own, half);
      return;
    }
    this.#halves.delete(`${said.uid} ${uid} ${change} ${requestId}`);
    if (first.said.roomId !== said.roomId) this.#problems.add(NO_COPY, `${pos}: other rooms than ${first.pos}`);
    this.#both(first);
  }

  end(): void {
    for (const own of [...this.#halves.keys(), ...this.#applies]) this.#problems.add(NO_COPY, own);
  }

  #both({ pos, uid: from, said }: Half): void {
    const { uid: to, change, requestId: id = 0, roomId } = said;
    const became = (key: string, value: string) =>
      addTo(this.changes, key, { pos, room: undefined, value, isEvent: true });
    if (change === "removed") {
      for (const own of [`${from} ${to}`, `${to} ${from}`]) this.friends.delete(own);
      return became(keyOf.friendship(from, to), "no");
    }
    if (change === "requested") {
      if (!this.#applies.delete(`${from} asks ${to}`))
        this.#problems.add(NO_COPY, `${pos}: no APPLY of ${from} for ${to}`);
      // An answered request between the same two people gives way to the new one.
      for (const one of this.requests.values()) {
        if (one.from === from && one.to === to) this.requests.delete(one.id);
      }
      this.requests.set(id, { id, from, to, state: "open" });
      return became(keyOf.request(from, to), "open");
    }
    const open = this.requests.get(id);
    if (open?.state !== "open" || open.from !== from || open.to !== to) {
      this.#problems.add("event that changes nothing", `${pos}: request ${id} ${change}`);
    }
    if (change === "withdrawn") this.requests.delete(id);
    if (change === "accepted" || change === "rejected") this.requests.set(id, { id, from, to, state: change });
    became(keyOf.request(from, to), String(change));
    if (change !== "accepted") return;
    for (const own of [`${from} ${to}`, `${to} ${from}`]) this.friends.set(own, { roomId, remark: "" });
    became(keyOf.friendship(from, to), "yes");
  }

  #remarked({ pos, uid, said }: Half): void {
    const friend = this.friends.get(`${uid} ${said.uid}`);
    if (!friend) this.#problems.add("event that changes nothing", `${pos}: a remark on somebody who is not a friend`);
    else friend.remark = said.remark ?? "";
    const value = said.remark ?? "";
    addTo(this.changes, keyOf.remark(uid, said.uid), { pos, room: undefined, value, isEvent: true });
  }
}

/** Requests and friends have to be stored as the two people heard of them. */
export function checkContactRows(db: Database, { requests, friends }: ContactsLog, problems: Problems): void {
  const wanted = new Set([
    ...[...requests.values()].map(({ id, from, to, state }) => `request ${id}: ${from} ${to} ${state}`),
    ...[...friends].map(([own, { roomId, remark }]) => `friend ${own} ${roomId} ${remark}`),
  ]);
  const stored = new Set<string>();
  const rows = db.query<LoggedRequest, []>("select id, from_uid as `from`, to_uid as `to`, state from friend_requests");
  for (const { id, from, to, state } of rows.all()) stored.add(`request ${id}: ${from} ${to} ${state}`);
  const ties = db.query<{ uid: number; friend: number; roomId: number; remark: string }, []>(
    "select uid, friend_uid as friend, room_id as roomId, remark from friends",
  );
  for (const { uid, friend, roomId, remark } of ties.all()) stored.add(`friend ${uid} ${friend} ${roomId} ${remark}`);
  for (const one of stored.symmetricDifference(wanted)) {
    problems.add("contacts stored otherwise than told", `${one}: ${stored.has(one) ? "stored" : "not stored"}`);
  }
}
