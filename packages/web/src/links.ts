import { el } from "./dom.ts";

/** A part of a text; one with an address is a link. */
export interface Piece {
  readonly text: string;
  readonly href?: string;
}

/**
 * An address ends before space, quotation marks and brackets that no address has, and before the punctuation of other scripts. It also ends before
 * invisible characters, and those that turn the direction of a text: an address looks like what it is.
 */
const ADDRESS = /\bhttps?:\/\/[^\s<>"`\u00ad\u061c\u180e\u2000-\u206f\u3000-\u303f\ufe30-\ufe4f\ufeff\uff00-\uffef]+/gi;
/** Behind an address it belongs to the sentence. */
const MARKS = ".,:;!?'*";
const OPENERS: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

/** Pure. Parts that make up the text when they are joined; only http and https are links. Takes time in proportion to the text. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  const plain = (end: number) => {
    if (end > at) pieces.push({ text: text.slice(at, end) });
    at = end;
  };
  for (const { 0: match, index } of text.matchAll(ADDRESS)) {
    const address = withoutEnd(match);
    const href = hrefOf(address);
    if (href === undefined) continue;
    plain(index);
    pieces.push({ text: address, href });
    at = index + address.length;
  }
  plain(text.length);
  return pieces;
}

/**
 * The text with its links, each in a window of its own that knows nothing of this one.
 * @param end the text is cut here. An address that is cut is not a link, since it would lead elsewhere
 */
export function linked(text: string, end = text.length): (HTMLAnchorElement | string)[] {
  let left = end;
  return piecesOf(text).map((piece) => {
    const shown = piece.text.slice(0, Math.max(left, 0));
    left -= piece.text.length;
    if (piece.href === undefined || left < 0) return shown;
    return el("a", { href: piece.href, target: "_blank", rel: "noopener noreferrer" }, shown);
  });
}

/** Without the punctuation at its end, and without brackets that were opened before the address began. */
function withoutEnd(address: string): string {
  const open = new Map(Object.entries(OPENERS).map(([closer, opener]) => [closer, surplus(address, opener, closer)]));
  let end = address.length;
  for (; end > 0; end--) {
    const last = address.charAt(end - 1);
    const tooMany = open.get(last) ?? 0;
    if (tooMany > 0) open.set(last, tooMany - 1);
    else if (!MARKS.includes(last)) break;
  }
  return address.slice(0, end);
}

/** How many more closing brackets than opening ones there are. */
function surplus(address: string, opener: string, closer: string): number {
  let count = 0;
  for (const character of address) count += character === closer ? 1 : character === opener ? -1 : 0;
  return count;
}

/** An address with a name before its host looks like that of another host, and is no link. */
function hrefOf(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { href, username, password } = new URL(address);
  return username === "" && password === "" ? href : undefined;
}
