import type { Kysely } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { dataKey, type EventData, type NamingEvent } from "../event-log/announce.ts";
import { customText } from "./custom-writes.ts";

/**
 * The content of the product's own events that can end before they leave the log: none if they have expired, or if their stream has a later
 * one with the same `collapseKey`.
 */
export async function customDataOf(
  db: Kysely<Schema>,
  events: readonly NamingEvent[],
  now: number,
): Promise<Map<string, EventData>> {
  const asked = new Map(events.map((event) => [dataKey(event), [event.messageId, event.stream]]));
  const rows = await customsOf(db, [...asked.values()]);
  return new Map(
    rows.map(({ id, stream, kind, data, latest, expiresAt }) => {
      const isOver = (expiresAt !== null && expiresAt <= now) || (latest !== null && latest !== id);
      const text = customText(kind, isOver ? "null" : data);
      return [dataKey({ stream, messageId: id }), { text, author: null, quotes: [], isPassing: true }];
    }),
  );
}

const customsOf = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ id: "number", stream: "text" }, asked).as("asked"))
    .innerJoin("custom_events as custom", "custom.id", "asked.id")
    .leftJoin("custom_latest as latest", (join) =>
      join.onRef("latest.stream", "=", "asked.stream").onRef("latest.collapse_key", "=", "custom.collapse_key"),
    )
    .select(["asked.id", "asked.stream", "custom.kind", "custom.data", "custom.expires_at as expiresAt"])
    .select("latest.id as latest"),
);
