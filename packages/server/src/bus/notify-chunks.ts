import type { BusFrame } from "./bus-frame.ts";

/**
 * A notification of PostgreSQL holds less than 8 000 bytes of text in the database's encoding, so frames are sent in pieces of plain ASCII. All
 * pieces of a frame are sent by one statement, and PostgreSQL delivers what one transaction has sent without anything in between. So a
 * receiver never holds pieces of more than one frame.
 */
const PIECE = 7000;
/** More pieces than the largest frame has when all its characters are escaped. */
const MOST_PIECES = 1000;

const LETTER = { log: "l", live: "v" } as const;
const CHANNEL: Readonly<Record<string, BusFrame["channel"]>> = { l: "log", v: "live" };

/** The channel, a number that no other frame of the sender has, the index of the piece, and the number of pieces. */
const HEAD = /^([lv])(\d{1,15}) (\d{1,4})\/(\d{1,4}) /;

/** @param number makes pieces differ, because PostgreSQL delivers equal notifications of one transaction only once */
export function piecesOf({ channel, text }: BusFrame, number: number): string[] {
  const ascii = text.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const count = Math.max(1, Math.ceil(ascii.length / PIECE));
  return Array.from(
    { length: count },
    (_, index) => `${LETTER[channel]}${number} ${index}/${count} ${ascii.slice(index * PIECE, (index + 1) * PIECE)}`,
  );
}

/** Puts frames together again. Skips what is not a piece of a node's frame, or comes without its beginning. */
export class Pieces {
  #frame: { readonly head: string; readonly count: number; readonly parts: string[] } | undefined;

  /** @returns the frame whose last piece this is */
  take(piece: string): BusFrame | undefined {
    const [start = "", letter = "", number, at, of] = HEAD.exec(piece.slice(0, 40)) ?? [];
    const [index, count] = [Number(at), Number(of)];
    const head = `${letter}${number}/${count}`;
    if (index === 0 && count > 0 && count <= MOST_PIECES) this.#frame = { head, count, parts: [] };
    const frame = this.#frame;
    if (!frame || frame.head !== head || frame.parts.length !== index) {
      this.#frame = undefined;
      return undefined;
    }
    frame.parts.push(piece.slice(start.length));
    if (frame.parts.length < count) return undefined;
    this.#frame = undefined;
    return { channel: CHANNEL[letter] as BusFrame["channel"], text: frame.parts.join("") };
  }
}
