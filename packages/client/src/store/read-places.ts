import { Push } from "@parley/protocol/events";
import type { Message } from "@parley/protocol/message-type";
import type { PushFrame } from "../reading/push-frame.ts";
import type { StoredMember } from "./member-list.ts";
import { isOfRoom } from "./pushes.ts";

/** How far people have read a room, by uid: the number of the last event that they have read. People who have left may be among them. Pure. */
export type ReadPlaces = ReadonlyMap<number, number>;

/**
 * The members who have read a message: of those who were in the room when it was sent, except its sender. Pure.
 * @param places of its room
 */
export function readersOf(
  { fromUser, message }: Message,
  places: ReadPlaces,
  members: readonly StoredMember[],
): number[] {
  // A message that only its sender may see has the number of the event before it.
  const place = message.no === null ? message.seq + 1 : message.seq;
  return members.flatMap(({ uid, joinedAt }) => {
    const wasThere = uid !== fromUser.uid && joinedAt <= message.sendTime;
    return wasThere && (places.get(uid) ?? 0) >= place ? [uid] : [];
  });
}

/** The places after an event of the room. A place only moves forward. The same object where nothing has changed. */
export function placesAfter(places: ReadPlaces, push: PushFrame): ReadPlaces {
  switch (push.type) {
    case Push.READ:
      return withPlaces(places, push.data.reads);
    case Push.MESSAGE:
      // People who write have read the room up to their message.
      return isOfRoom(push)
        ? withPlaces(places, [{ uid: push.data.fromUser.uid, seq: push.data.message.seq }])
        : places;
    default:
      return places;
  }
}

export function withPlaces(places: ReadPlaces, read: readonly { uid: number; seq: number }[]): ReadPlaces {
  const further = read.filter(({ uid, seq }) => seq > (places.get(uid) ?? 0));
  if (further.length === 0) return places;
  return new Map([...places, ...further.map(({ uid, seq }) => [uid, seq] as const)]);
}
