import type { LoggedEvent } from "../db/transaction.ts";
import { isDeeperThan } from "../lib/nesting.ts";
import { SIZES } from "../limits/sizes.ts";
import type { BusMessage, LiveMessage, LogMessage, NodeId } from "./bus.ts";

/** A message as a network service carries it. */
export interface BusFrame {
  readonly channel: BusMessage["channel"];
  /** The sender's id, the number of the frame, and the message as JSON, separated by spaces. A frame without a message is a pulse: it only shows that the bus works. */
  readonly text: string;
}

/** By this a node recognizes its own frames, and their order. */
export interface FrameHead {
  readonly from: NodeId;
  /** Rises with each frame of a sender. */
  readonly number: number;
}

const HEAD = /^([0-9a-f]{16}) (\d{1,15}) /;

export function pulseFrame({ from, number }: FrameHead): BusFrame {
  return { channel: "live", text: `${from} ${number} ` };
}

/** A log message that is too large is sent without its events. @returns undefined for a live message that is too large */
export function frameOf(head: FrameHead, message: BusMessage): BusFrame | undefined {
  const { channel } = message;
  const start = `${head.from} ${head.number} `;
  if (message.channel === "live") {
    // JSON has no undefined.
    const { data = null, byBoth } = message;
    const body = JSON.stringify(byBoth === undefined ? data : { byBoth, data });
    return body.length > SIZES.busMessage.count ? undefined : { channel, text: start + body };
  }
  const { upTo, events } = message;
  const whole = JSON.stringify({ upTo, events });
  const body = whole.length > SIZES.busEvents.count ? JSON.stringify({ upTo, events: [] }) : whole;
  return { channel, text: start + body };
}

/** Cheap, so that a node can skip its own frames without parsing them. @returns undefined if it is not a frame of a node */
export function headOf({ text }: BusFrame): FrameHead | undefined {
  const [, from, number] = HEAD.exec(text.slice(0, 40)) ?? [];
  return from === undefined ? undefined : { from, number: Number(number) };
}

/** Never throws. @returns the message, `pulse`, or undefined if the frame is broken, as anything from the network may be */
export function messageOf({ channel, text }: BusFrame): BusMessage | "pulse" | undefined {
  const [start] = HEAD.exec(text.slice(0, 40)) ?? [];
  if (start === undefined || text.length > SIZES.busMessage.count + start.length) return undefined;
  if (text.length === start.length) return "pulse";
  const body = text.slice(start.length);
  if (isDeeperThan(SIZES.nesting.count, Buffer.from(body))) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  return channel === "live" ? liveMessage(value) : logMessage(value);
}

/** One that was sent over two buses holds its number beside what it says. A node that has only one of the buses reads it, too. */
function liveMessage(value: unknown): LiveMessage {
  const { byBoth, data } = Object(value) as { byBoth?: unknown; data?: unknown };
  if (typeof byBoth !== "number" || data === undefined) return { channel: "live", data: value };
  return { channel: "live", data, byBoth };
}

function logMessage(value: unknown): LogMessage | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { upTo, events } = value as Record<string, unknown>;
  if (!isPosition(upTo) || !Array.isArray(events) || !events.every(isEvent)) return undefined;
  const first = upTo - events.length + 1;
  return events.every(({ pos }, index) => pos === first + index) ? { channel: "log", upTo, events } : undefined;
}

function isEvent(value: unknown): value is LoggedEvent {
  if (typeof value !== "object" || value === null) return false;
  const event = value as Record<keyof LoggedEvent, unknown>;
  return (
    isPosition(event.pos) &&
    isPosition(event.seq) &&
    typeof event.stream === "string" &&
    Number.isSafeInteger(event.type) &&
    (event.messageId === null || isPosition(event.messageId)) &&
    (event.author === null || Number.isSafeInteger(event.author)) &&
    typeof event.data === "string" &&
    typeof event.storesData === "boolean" &&
    typeof event.cacheable === "boolean" &&
    Number.isFinite(event.at)
  );
}

function isPosition(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
