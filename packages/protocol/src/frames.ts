import type { PushData } from "./events.ts";

/** One unit on the wire, both ways. Logged events add `stream` and `seq`; other frames never carry them. */
export interface Frame {
  type: number;
  data?: unknown;
  stream?: string;
  seq?: number;
}

/** A frame that is not logged. */
export function encodePush<T extends keyof PushData>(type: T, data: PushData[T]): string {
  return data === undefined ? `{"type":${type}}` : `{"type":${type},"data":${JSON.stringify(data)}}`;
}

/**
 * A logged event's frame. `data` is already JSON text, because an event is encoded once, when it is written, and the log, the tail and
 * every transport hold that text.
 */
export function encodeEvent(event: { type: number; stream: string; seq: number; data: string }): string {
  return `{"type":${event.type},"stream":"${event.stream}","seq":${event.seq},"data":${event.data}}`;
}
