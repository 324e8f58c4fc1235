import { Push } from "@parley/protocol";
import type { Kysely } from "kysely";
import type { Schema } from "./db/schema.ts";
import { dataKey, type EventData, type NamingEvent } from "./event-log/announce.ts";
import type { Clock } from "./lib/clock.ts";
import { messageDataOf } from "./messages/message-rows.ts";
import { noticeDataOf } from "./notifications/notice-data.ts";
import { customDataOf } from "./server-api/custom-data.ts";

/**
 * The present text of events whose rows only name what they are about: messages, notifications, and those of the product's own events that
 * can end before they leave the log. The log and the tails know nothing of these.
 */
export async function eventDataOf(
  { db, clock }: { db: Kysely<Schema>; clock: Clock },
  events: readonly NamingEvent[],
): Promise<Map<string, EventData>> {
  const byType = Map.groupBy(events, ({ type }) => (READ.has(type) ? type : Push.MESSAGE));
  const found = new Map<string, EventData>();
  for (const [type, ofType] of byType) {
    const read = READ.get(type);
    const texts = read ? await read(db, ofType, clock.now()) : await ofMessages(db, ofType);
    for (const [key, data] of texts) found.set(key, data);
  }
  return found;
}

/** All other types show a message. */
const READ: ReadonlyMap<number, typeof noticeDataOf> = new Map([
  [Push.NOTIFICATION, noticeDataOf],
  [Push.CUSTOM, customDataOf],
]);

async function ofMessages(db: Kysely<Schema>, events: readonly NamingEvent[]): Promise<Map<string, EventData>> {
  const ids = [...new Set(events.map(({ messageId }) => messageId))];
  const messages = await messageDataOf(db, ids);
  return new Map(
    events.flatMap((event) => {
      const data = messages.get(event.messageId);
      return data ? [[dataKey(event), data]] : [];
    }),
  );
}
