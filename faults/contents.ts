/*
 * What was said, as 32-bit numbers: one is kept for each event, however long the text is. The same number is worked out from
 * what was asked of the server, from what its database has, and from what the applications got.
 */

/** What a sender asked for: which text, and where. */
export function askedFor(roomId: number, content: string): number {
  return Bun.hash.xxHash32(`${roomId} ${content}`);
}

/** A message, apart from what a recall changes. */
export interface MessageFacts {
  readonly id: number;
  readonly roomId: number;
  readonly seq: number;
  readonly no: number | null;
  readonly uid: number;
  readonly clientId: string | null;
  /** Epoch milliseconds. */
  readonly sendTime: number;
}

/** @param asked from `askedFor`; undefined for the message as it is when it was recalled */
export function saidIn(facts: MessageFacts, asked: number | undefined): number {
  const { id, roomId, seq, no, uid, clientId, sendTime } = facts;
  return Bun.hash.xxHash32([id, roomId, seq, no, uid, clientId, sendTime, asked ?? "recalled"].join(" "));
}

/** The `data` of any other event. */
export function saidBy(data: unknown): number {
  return Bun.hash.xxHash32(JSON.stringify(data) ?? "");
}

/** A notification, apart from its times. */
export interface NoticeFacts {
  readonly id: number;
  readonly kind?: string;
  readonly title?: string | null;
  readonly text?: string | null;
  readonly done?: boolean;
  readonly removed?: boolean;
}

/** The part of a notification that readers get; `data` and `link` are never sent with one. */
export function saidOfNotice({ id, kind, title, text, done, removed }: NoticeFacts): number {
  return Bun.hash.xxHash32(JSON.stringify([id, kind, title, text, done === true, removed === true]));
}
