import type { Counters, RedDot } from "@parley/protocol";
import { sql } from "kysely";
import type { CountRow } from "./db/count-row.ts";
import type { ReadDatabase } from "./db/open.ts";
import { preparedBy } from "./db/prepared.ts";
import { boundRows } from "./db/rows.ts";
import { readPosition, streamStates } from "./event-log/log-reader.ts";
import { type CursorPlace, cursorPlace, type ReadableStreams, type ReaderAsk } from "./event-log/read-window.ts";
import { batched } from "./lib/batched.ts";
import type { Clock } from "./lib/clock.ts";
import { counterSelection, countersFrom } from "./notifications/counters.ts";
import type { RoomOfPerson } from "./presence/online-rooms.ts";
import { type HallPlace, hallPlaces } from "./rooms/hall.ts";
import { type MembershipRow, membershipsOf } from "./rooms/memberships.ts";
import { isAskedFor, membershipWindow, unjoinedStreams, wholeWindow } from "./rooms/read-windows.ts";
import type { HallRules } from "./rooms/rooms.ts";
import { redDot } from "./unread/red-dot.ts";

/** A start asks three times, for the windows, the red dots and presence, so 64 people start together at most. */
const ASKS_MAX = 192;
/** Two starts of one person: somebody in thousands of rooms who starts many times at once delays only themselves. */
const ASKS_OF_ONE = 6;

/** Somebody as one read transaction found them. */
interface Found {
  /** The log's end. */
  readonly end: number;
  readonly place: CursorPlace;
  /** The windows requested here, and perhaps others that the person's other device requested. */
  readonly memberships: readonly MembershipRow[];
  /** The streams that they read without having joined them. */
  readonly unjoined: ReadableStreams["streams"];
  /** Undefined: they do not see the hall. */
  readonly hall: HallPlace | undefined;
  readonly counters: Counters;
}

/** `cursor` is undefined if only unread counts are requested. */
type Ask = Pick<ReaderAsk, "uid"> & { readonly cursor: ReaderAsk["cursor"] | undefined };

/**
 * What readers need to start: which streams they may read, unread counts, and the rooms in which they are online. All starts in one turn of
 * the event loop are answered by one read transaction of four statements, because ten thousand people come back at the same moment when a
 * server restarts.
 */
export class ReaderStarts {
  readonly #parts: {
    readonly db: ReadDatabase;
    readonly epoch: string;
    readonly clock: Clock;
    readonly hall: HallRules;
  };
  readonly #find: (ask: Ask) => Promise<Found>;

  constructor(parts: { db: ReadDatabase; epoch: string; clock: Clock; hall: HallRules }) {
    this.#parts = parts;
    this.#find = batched((asks) => this.#findAll(asks), ASKS_MAX, {
      of: ({ uid }) => uid,
      most: ASKS_OF_ONE,
    });
  }

  /** Windows, heads and the log's end are from one moment, so that no window is ever checked against an older position. */
  async windowsOf(reader: ReaderAsk): Promise<ReadableStreams> {
    const { end, place, memberships, unjoined } = await this.#find(reader);
    const asked = memberships.filter((row) => isAskedFor(row, place.endedAfter, reader.cursor));
    return { end, userPos: place.userPos, streams: [...unjoined, ...asked.map(membershipWindow)] };
  }

  /** What is unread in the rooms that somebody is in now, all from one moment, which `asOf` names. */
  async redDotOf(uid: number): Promise<RedDot & { asOf: string }> {
    const { end, memberships, hall, counters } = await this.#find({ uid, cursor: undefined });
    return redDot(memberships, { hall, counters, epoch: this.#parts.epoch, pos: end });
  }

  /** The rooms that somebody is in now, for presence. */
  async roomsOf(uid: number): Promise<{ asOf: number; rows: RoomOfPerson[] }> {
    const { end, memberships } = await this.#find({ uid, cursor: undefined });
    const now = memberships.filter(({ leftSeq, dissolvedSeq }) => leftSeq === null && dissolvedSeq === null);
    const rows = now.map(({ roomId, memberCount, lastMessageId, joinedPos, type }) => {
      return { roomId, memberCount, activity: Math.max(lastMessageId ?? 0, joinedPos), isDirect: type === 2 };
    });
    return { asOf: end, rows };
  }

  #findAll(asks: readonly Ask[]): Promise<Found[]> {
    const { db, epoch, clock, hall } = this.#parts;
    return db.transaction().execute(async (trx) => {
      const end = await readPosition(trx);
      const nowhere = { userPos: undefined, endedAfter: end };
      // At once, since each costs a way to the database; only those of cursors without a floor ask anything.
      const places: CursorPlace[] = await Promise.all(
        asks.map(({ uid, cursor }) => (cursor ? cursorPlace(trx, { epoch, end }, { uid, cursor }) : nowhere)),
      );
      const memberships = await membershipsOf(trx, peopleOf(asks, places));
      const unjoined = asks.map(({ uid }) => unjoinedStreams(uid, hall));
      const states = await streamStates(trx, [...new Set(unjoined.flat())]);
      const people = [...memberships.keys()].map((uid) => [uid]);
      const counts = people.length === 0 ? [] : await countsOf(trx, { uids: people, now: clock.now() });
      const halls = hall.access === "off" ? new Map() : hallPlacesIn(counts);
      const countersFor = countersFrom(counts);
      return asks.map(({ uid }, index) => ({
        end,
        place: places[index] as CursorPlace,
        memberships: (uid !== undefined && memberships.get(uid)) || [],
        unjoined: (unjoined[index] as string[]).map((stream) => wholeWindow(stream, states.get(stream))),
        hall: uid === undefined ? undefined : halls.get(uid),
        counters: countersFor(uid ?? 0),
      }));
    });
  }
}

/** What several features count for people, in one statement. */
const countsOf = preparedBy<CountRow, "uids" | "now">(["uids", "now"], (_, { uids, now }) => {
  const asked = boundRows({ uid: "number" }, uids);
  return sql`${hallPlaces(asked)} union all ${counterSelection(asked, now)}`;
});

function hallPlacesIn(rows: readonly CountRow[]): ReadonlyMap<number, HallPlace> {
  const places = rows.filter(({ what }) => what === "hall");
  return new Map(places.map(({ uid, first, second }) => [uid, { no: first, readNo: second }]));
}

/** Each person once, with everything that is requested about them. */
function peopleOf(asks: readonly Ask[], places: readonly CursorPlace[]) {
  const people = new Map<number, { uid: number; endedAfter: number; cursors: ReaderAsk["cursor"][] }>();
  for (const [index, { uid, cursor }] of asks.entries()) {
    if (uid === undefined) continue;
    const { endedAfter } = places[index] as CursorPlace;
    const known = people.get(uid);
    if (!known) people.set(uid, { uid, endedAfter, cursors: cursor ? [cursor] : [] });
    else {
      known.endedAfter = Math.min(known.endedAfter, endedAfter);
      if (cursor) known.cursors.push(cursor);
    }
  }
  return [...people.values()];
}
