import { ActType, HALL_ROOM_ID, type MarkChange, type MessageMark } from "@parley/protocol";
import { type Outcome, outcomeOf } from "../db/transaction.ts";
import { ProblemError } from "../lib/problem.ts";
import { markOf, type OwnMark } from "../messages/message-json.ts";
import { isAddressedTo } from "../messages/message-rows.ts";
import { memberKey } from "../rooms/member-lookups.ts";
import { isReadable } from "../rooms/reading.ts";
import { checkIsMember } from "../rooms/rights.ts";
import { hallMembership } from "../rooms/rooms.ts";
import { type MarkedMessage, type MarkInput, type MarkLookups, markKey } from "./mark-lookups.ts";

/** What one input comes to. */
export interface Verdict {
  /** Marks of the message as the person sees them behind this input. */
  readonly shown: MessageMark;
  readonly message: MarkedMessage;
  /** None where nothing changes; two where one mark takes the place of the other. */
  readonly changes: readonly MarkChange[];
}

/** How many marks of each type a message has. */
type Counts = Record<1 | 2, number>;

/** Marks and counts as a batch leaves them, of what it changed only. */
export interface MarksAfter {
  readonly marks: Map<string, { readonly uid: number; readonly messageId: number; readonly mark: OwnMark }>;
  readonly counts: Map<number, Counts>;
}

/** Judges all inputs in order, so that later ones see what earlier ones do. Pure. */
export function judge(
  inputs: readonly MarkInput[],
  known: MarkLookups,
): { outcomes: Outcome<Verdict>[]; after: MarksAfter } {
  const after: MarksAfter = { marks: new Map(), counts: new Map() };
  return { outcomes: inputs.map((input) => outcomeOf(() => verdict(input, known, after))), after };
}

function verdict(input: MarkInput, known: MarkLookups, after: MarksAfter): Verdict {
  const message = known.messages.get(input.messageId);
  checkMayMark(message, input, known);
  const { uid } = input.actor;
  const key = markKey(uid, message.id);
  const noted = after.marks.get(key);
  const before = noted ? noted.mark : (known.marks.get(key) ?? null);
  const counts = after.counts.get(message.id) ?? { 1: message.likes, 2: message.dislikes };
  const acts = actsOf(before, input);
  const changes = acts.map(({ markType, actType }): MarkChange => {
    counts[markType] += actType === ActType.confirm ? 1 : -1;
    return { uid, msgId: message.id, markType, markCount: counts[markType], actType };
  });
  const last = acts.at(-1);
  const mark = last ? (last.actType === ActType.confirm ? last.markType : null) : before;
  if (last) {
    after.counts.set(message.id, counts);
    after.marks.set(key, { uid, messageId: message.id, mark });
  }
  return { message, changes, shown: markOf({ likes: counts[1], dislikes: counts[2], mark }) };
}

type Act = Pick<MarkChange, "markType" | "actType">;

/** What has to be done to a person's mark to make it what they want. */
function actsOf(before: OwnMark, { markType, actType }: Act): Act[] {
  const cancelled = before === null ? [] : [{ markType: before, actType: ActType.cancel }];
  if (actType === ActType.cancel) return before === markType ? cancelled : [];
  return before === markType ? [] : [...cancelled, { markType, actType }];
}

/** @throws ProblemError `not_found`, `forbidden`, `room_dissolved`, `already_recalled` */
function checkMayMark(
  message: MarkedMessage | undefined,
  { actor, hall }: MarkInput,
  { memberships }: MarkLookups,
): asserts message is MarkedMessage {
  if (!message || !isAddressedTo(actor, message)) throw new ProblemError("not_found");
  const inHall = message.roomId === HALL_ROOM_ID;
  if (inHall && hall.access === "off") throw new ProblemError("not_found");
  const membership = inHall ? hallMembership(actor) : memberships.get(memberKey(message.roomId, actor.uid));
  if (!membership || !isReadable(membership, message.seq)) throw new ProblemError("not_found");
  checkIsMember({ room: { dissolved_at: message.dissolvedAt }, membership });
  if (message.recalledAt !== null) throw new ProblemError("already_recalled");
}
