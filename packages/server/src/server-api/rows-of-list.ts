import type { ProductSend } from "./send-writes.ts";

/** A message and its event. */
const OF_MESSAGE = 2;
/** For each room and sender: the room, its stream, and the sender's read place. */
const OF_PLACE = 3;
/** A direct room that does not exist yet: the room, two people's memberships, places and copies, the event. */
const OF_DIRECT = 12;

/** How many rows a list of messages writes, about; asked by the writer's queue for each list. */
export function rowsOfList({ messages }: ProductSend): number {
  const places = new Set<string>();
  let directs = 0;
  for (const { room, direct, from } of messages) {
    if (direct === null) places.add(`${typeof room} ${room} ${typeof from} ${from}`);
    else directs += 1;
  }
  return OF_MESSAGE * messages.length + OF_PLACE * places.size + OF_DIRECT * directs;
}
