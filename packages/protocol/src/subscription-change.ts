import { ChangeType, Push } from "./events.ts";
import { roomOfStream, roomStream } from "./streams.ts";

/** An event of the log; `data` is JSON text, null where it shows a message. */
export interface DecodedFrom {
  readonly stream: string;
  readonly seq: number;
  readonly type: number;
  readonly data: string | null;
}

/**
 * How an event changes which users read which stream. Subscriptions change only while such an event is handled, in order: by the
 * hub for live readers, by the outbox for those that catch up.
 */
export type SubscriptionChange =
  | { kind: "join"; stream: string; uids: readonly number[]; seq: number }
  | { kind: "leave"; stream: string; uids: readonly number[]; seq: number }
  | { kind: "end"; stream: string; seq: number };

/**
 * The change that a room's own event makes: users joined or left, or the room ended. The copy in a user's stream gives the same
 * change, with the seq of the room's event.
 */
export function subscriptionChange(event: DecodedFrom): SubscriptionChange | undefined {
  if (event.type !== Push.MEMBER_CHANGE && event.type !== Push.ROOM) return undefined;
  if (event.data === null) return undefined;
  const data = JSON.parse(event.data) as {
    roomId: number;
    uid: number;
    uids?: number[];
    changeType?: number;
    dissolved?: boolean;
    seq?: number;
  };
  const stream = roomStream(data.roomId);
  const inRoom = roomOfStream(event.stream) !== undefined;
  const seq = inRoom ? event.seq : data.seq;
  if (seq === undefined) return undefined;
  if (event.type === Push.ROOM) return data.dissolved === true ? { kind: "end", stream, seq } : undefined;
  const kind = data.changeType === ChangeType.joined ? "join" : "leave";
  return { kind, stream, uids: data.uids ?? [data.uid], seq };
}
