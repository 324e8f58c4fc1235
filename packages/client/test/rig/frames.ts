import { floorCursor, Push } from "@parley/protocol";

export const EPOCH = "0123456789abcdef";
export const CURSOR = floorCursor(EPOCH, 5);

/** A frame as it goes over the wire. */
export const frame = (type: number, data: object) => JSON.stringify({ type, data });

/** The frame that a connection begins with, from a server that wants no signs of life. */
export const READY = frame(Push.READY, {
  connectionId: "1",
  epoch: EPOCH,
  serverTime: 0,
  heartbeatMs: 1e6,
  idleMs: 1e6,
  cursor: CURSOR,
});
export const LIVE = frame(Push.CURSOR, { cursor: CURSOR, live: true });
