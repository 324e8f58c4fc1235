import { type Cursor, userStream } from "@parley/protocol";
import { type SubscriptionChange, subscriptionChange } from "./subscriptions.ts";
import type { Tail } from "./tail.ts";

/** Read at once of a reader's own stream. */
const PAGE = 200;

/**
 * The first change of each room that a reader joined or left after his cursor, as his own stream tells it: where he came
 * back to a room that his cursor does not cover, when he came back more than once. His window knows the first joining and
 * the last one. Looks at no more than `depth` events.
 */
export async function firstChanges(
  tail: Tail,
  reader: { uid: number; cursor: Cursor; depth: number },
): Promise<Map<string, SubscriptionChange>> {
  const { uid, cursor, depth } = reader;
  const own = userStream(uid);
  const changes = new Map<string, SubscriptionChange>();
  const head = (await tail.heads([own])).get(own)?.seq ?? 0;
  const from = Math.max(0, head - depth);
  let after = cursor.streams.get(own) ?? (await tail.seqAt(own, cursor.floor ?? 0, { above: from, upTo: head }));
  for (const end = after + depth; after < Math.min(head, end); ) {
    const events = await tail.read(own, after, PAGE);
    for (const event of events) {
      const change = subscriptionChange(event);
      if (change && !changes.has(change.stream)) changes.set(change.stream, change);
    }
    if (events.length === 0) break;
    after = events.at(-1)?.seq ?? head;
  }
  return changes;
}
