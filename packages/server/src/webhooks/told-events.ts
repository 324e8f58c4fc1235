/**
 * What the product's backend is told: by the feed, which it reads (`server-api/feed.ts`), and by webhooks, which are sent to it. Both tell
 * the same events of the log, in its order, at least once, and build each from the present state, so recalled texts are not handed out.
 *
 * - This file is the table of what is told. A push that is new and concerns the product is one line of it.
 * - Copies in people's own streams of what a room's stream says are not told, nor is a message that only its sender may see.
 *
 * It is below messages, because the hook before a send is a part of it. Must not import the gateway.
 */
import { ALL_STREAM, Push, roomOfStream } from "@parley/protocol";
import { INTERNAL_STREAM, Internal } from "../identity/internal-events.ts";

/** Whose stream an event stands in. */
type StreamKind = "room" | "user" | "all" | "internal";

interface ToldRow {
  /** As the log has it. */
  readonly type: number;
  readonly in: StreamKind;
  /** The number in the frame, if it differs. */
  readonly shownAs?: number;
}

const ROWS = {
  MESSAGE: { type: Push.MESSAGE, in: "room" },
  RECALL: { type: Push.RECALL, in: "room" },
  MARK: { type: Push.MARK, in: "room" },
  MEMBER_CHANGE: { type: Push.MEMBER_CHANGE, in: "room" },
  MEMBER_UPDATE: { type: Push.MEMBER_UPDATE, in: "room" },
  ROOM: { type: Push.ROOM, in: "room" },
  FRIEND: { type: Push.FRIEND, in: "user" },
  BLACK: { type: Push.BLACK, in: "all" },
  UNBLACK: { type: Push.UNBLACK, in: "all" },
  "user.created": { type: Internal.PERSON_MADE, in: "internal", shownAs: Push.USER },
} as const satisfies Record<string, ToldRow>;

export type ToldName = keyof typeof ROWS;
export const TOLD_NAMES = Object.keys(ROWS) as [ToldName, ...ToldName[]];

const NAMES = new Map<string, ToldName>(TOLD_NAMES.map((name) => [keyOf(ROWS[name].in, ROWS[name].type), name]));

/** The name of an event that is told; undefined for all others. Asked for every event of the log. */
export function toldName({ stream, type }: { readonly stream: string; readonly type: number }): ToldName | undefined {
  return NAMES.get(keyOf(kindOf(stream), type));
}

/** The number in the frame. */
export function shownType(name: ToldName): number {
  const row: ToldRow = ROWS[name];
  return row.shownAs ?? row.type;
}

function keyOf(kind: StreamKind, type: number): string {
  return `${kind} ${type}`;
}

function kindOf(stream: string): StreamKind {
  if (stream === ALL_STREAM) return "all";
  if (stream === INTERNAL_STREAM) return "internal";
  return roomOfStream(stream) === undefined ? "user" : "room";
}
