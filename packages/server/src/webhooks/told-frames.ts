import type { ReadDatabase } from "../db/open.ts";
import { numberList } from "../db/rows.ts";
import { CurrentTexts, type TextParts } from "../event-log/current-texts.ts";
import type { StoredEvent } from "../event-log/log-reader.ts";
import { USER_COLUMNS, userOf } from "../identity/users.ts";
import { shownType, type ToldName, toldName } from "./told-events.ts";

export interface ToldParts extends TextParts {
  readonly db: ReadDatabase;
}

/** An event in the form for the product. */
export interface ToldFrame {
  readonly name: ToldName;
  readonly event: StoredEvent;
  /** JSON text: the frame, with the event's name and time. */
  readonly text: string;
}

/**
 * The frames of those of these events that the product is told, in order, each from the state in this turn of the loop. What no longer
 * exists, such as a new person whose account was deleted since, is left out. The caller bounds their number.
 */
export async function toldFrames(parts: ToldParts, events: readonly StoredEvent[]): Promise<ToldFrame[]> {
  const told = events.flatMap((event) => {
    const name = toldName(event);
    return name ? [{ name, event }] : [];
  });
  const people = await newPeople(
    parts.db,
    told.flatMap(({ name, event }) => (name === "user.created" ? [uidOf(event)] : [])),
  );
  const texts = new CurrentTexts(parts);
  const all = told.map(({ event }) => event);
  for (let ids = texts.missing(all); ids.length > 0; ids = texts.missing(all)) await texts.read(ids);
  return told.flatMap(({ name, event }) => {
    const data = name === "user.created" ? people.get(uidOf(event)) : texts.of(event);
    return data === undefined ? [] : [{ name, event, text: frameText(name, event, data) }];
  });
}

function frameText(name: ToldName, { stream, seq, at }: StoredEvent, data: string): string {
  // Nobody may read the internal stream, and its numbers mean nothing to the product.
  const place = name === "user.created" ? "" : `"stream":"${stream}","seq":${seq},`;
  return `{"event":"${name}","type":${shownType(name)},${place}"at":${at},"data":${data}}`;
}

function uidOf({ data }: StoredEvent): number {
  return (JSON.parse(data as string) as { uid: number }).uid;
}

/** JSON text of each of these people who exists. */
async function newPeople(db: ReadDatabase, uids: readonly number[]): Promise<Map<number, string>> {
  if (uids.length === 0) return new Map();
  const rows = await db
    .selectFrom("users")
    .select([...USER_COLUMNS, "external_id as externalId"])
    .where("uid", "in", numberList(uids))
    .where("deleted_at", "is", null)
    .execute();
  return new Map(rows.map((row) => [row.uid, JSON.stringify({ ...userOf(row), externalId: row.externalId })]));
}
