import type { Kysely } from "kysely";
import type { Schema } from "./db/schema.ts";
import { dataKey, type EventData, type NamingEvent } from "./event-log/announce.ts";
import type { Clock } from "./lib/clock.ts";
import { messageDataOf } from "./messages/message-rows.ts";

/** What events show whose rows only name what they are about, as it is now: messages. The log and the tails do not know them. */
export async function eventDataOf(
  { db }: { db: Kysely<Schema>; clock: Clock },
  events: readonly NamingEvent[],
): Promise<Map<string, EventData>> {
  const ids = [...new Set(events.map(({ messageId }) => messageId))];
  const messages = await messageDataOf(db, ids);
  return new Map(
    events.flatMap((event) => {
      const data = messages.get(event.messageId);
      return data ? [[dataKey(event), data]] : [];
    }),
  );
}
