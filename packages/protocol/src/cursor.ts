import { LIMITS } from "./limits.ts";

/**
 * What a reader has, as text: `<epoch>;<entry>,<entry>…`. An entry is `<stream>@<seq>` ("of this stream I have
 * everything up to seq") or, at most once, the floor `*@<pos>` ("in every stream not named I have everything up to
 * pos"). The epoch is 16 hexadecimal digits made with the database.
 */
export interface Cursor {
  readonly epoch: string;
  /** Undefined: no floor was given; streams that are not named start at their head. */
  readonly floor: number | undefined;
  /** Seq by stream name. */
  readonly streams: ReadonlyMap<string, number>;
}

const EPOCH = /^[0-9a-f]{16}$/;
const ENTRY = /^(\*|all|(?:room|user):[1-9]\d{0,15})@(0|[1-9]\d{0,15})$/;

/** Thrown by `parseCursor`; the message says what is wrong without repeating the text. */
export class CursorMalformed extends Error {
  override readonly name = "CursorMalformed";
}

/** @throws CursorMalformed for anything that `formatCursor` cannot have written, or over 64 KiB. */
export function parseCursor(text: string): Cursor {
  if (text.length > LIMITS.cursorBytes) throw new CursorMalformed(`longer than ${LIMITS.cursorBytes} bytes`);
  const semicolon = text.indexOf(";");
  const epoch = text.slice(0, semicolon);
  if (semicolon < 0 || !EPOCH.test(epoch))
    throw new CursorMalformed("it does not begin with an epoch, 16 hexadecimal digits, and a semicolon");
  const streams = new Map<string, number>();
  let floor: number | undefined;
  const entries = text.slice(semicolon + 1);
  for (const entry of entries === "" ? [] : entries.split(",")) {
    const match = ENTRY.exec(entry);
    const number = Number(match?.[2]);
    if (!match?.[1] || !Number.isSafeInteger(number)) throw new CursorMalformed("an entry is not <stream>@<number>");
    if (match[1] === "*") {
      if (floor !== undefined) throw new CursorMalformed("two floors");
      floor = number;
    } else {
      if (streams.has(match[1])) throw new CursorMalformed("a stream is named twice");
      streams.set(match[1], number);
    }
  }
  return { epoch, floor, streams };
}

/** The floor of a cursor that the server has made; 0: it has none. */
export function floorOf(text: string): number {
  return Number(/[;,]\*@(\d+)/.exec(text)?.[1] ?? 0);
}

/** Writes the floor first, then the streams in the map's order. */
export function formatCursor(cursor: Cursor): string {
  const entries = cursor.floor === undefined ? [] : [`*@${cursor.floor}`];
  for (const [stream, seq] of cursor.streams) entries.push(`${stream}@${seq}`);
  return `${cursor.epoch};${entries.join(",")}`;
}

/** The commonest cursor: everything up to a position. */
export function floorCursor(epoch: string, floor: number): string {
  return `${epoch};*@${floor}`;
}
