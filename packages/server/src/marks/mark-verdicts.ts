import { ActType, HALL_ROOM_ID, type MarkChange, type MessageMark } from "@parley/protocol";
import { type Outcome, outcomeOf } from "../db/transaction.ts";
import { ProblemError } from "../lib/problem.ts";
import { markOf, type OwnMark } from "../messages/message-json.ts";
import { isAddressedTo } from "../messages/message-rows.ts";
import { memberKey } from "../rooms/member-lookups.ts";
import { isReadable } from "../rooms/reading.ts";
import { checkIsMember } from "../rooms/rights.ts";
import { hallMembership, knownToThem, otherIn } from "../rooms/rooms.ts";
import { type MarkedMessage, type MarkInput, type MarkLookups, markKey } from "./mark-lookups.ts";

/** What one input comes to. */
export interface Verdict {
  /** Marks of the message as the person sees them after this input. */
  readonly shown: MessageMark;
  readonly message: MarkedMessage;
  /** None if nothing changes; two if one mark replaces the other; more if hidden marks come to light. */
  readonly changes: readonly MarkChange[];
  /** The only person who is told; undefined: everybody who may read the message. */
  readonly only: number | undefined;
}

/** How many marks of each type a message has. */
type Counts = Record<1 | 2, number>;

/** Marks and counts after a batch, only those that it changed. */
export interface MarksAfter {
  readonly marks: Map<string, { readonly uid: number; readonly messageId: number; readonly mark: OwnMark }>;
  readonly counts: Map<number, Counts>;
  /** `mark` undefined: nothing is hidden any more. */
  readonly hidden: Map<
    string,
    { readonly uid: number; readonly messageId: number; readonly mark: OwnMark | undefined }
  >;
}

/** Judges all inputs in order, so that later ones see what earlier ones do. Pure. */
export function judge(
  inputs: readonly MarkInput[],
  known: MarkLookups,
): { outcomes: Outcome<Verdict>[]; after: MarksAfter } {
  const after: MarksAfter = { marks: new Map(), counts: new Map(), hidden: new Map() };
  return { outcomes: inputs.map((input) => outcomeOf(() => verdict(input, known, after))), after };
}

function verdict(input: MarkInput, known: MarkLookups, after: MarksAfter): Verdict {
  const message = known.messages.get(input.messageId);
  checkMayMark(message, input, known);
  const { uid } = input.actor;
  const other = message.senderOnly === 0 ? otherIn(message.directKey, uid) : undefined;
  if (other !== undefined && known.blocks.has(uid, other)) throw new ProblemError("person_blocked");
  const marks = new MarksOf(message, known, after);
  const before = marks.seenBy(uid);
  const acts = actsOf(before, input);
  const isHidden = other !== undefined && known.blocks.has(other, uid);
  if (acts.length === 0) return { message, changes: [], only: undefined, shown: marks.shownTo(uid) };
  if (isHidden) {
    const changes = marks.hide(uid, acts);
    return { message, changes, only: uid, shown: marks.shownTo(uid) };
  }
  const revealed = [other, uid].flatMap((one) => (one === undefined ? [] : marks.reveal(one)));
  const changes = [...revealed, ...marks.change(uid, acts)];
  return { message, changes, only: undefined, shown: marks.shownTo(uid) };
}

/** The marks of one message after the inputs so far: those that everybody sees, and those that only their own person sees. */
class MarksOf {
  readonly #message: MarkedMessage;
  readonly #known: MarkLookups;
  readonly #after: MarksAfter;

  constructor(message: MarkedMessage, known: MarkLookups, after: MarksAfter) {
    this.#message = message;
    this.#known = known;
    this.#after = after;
  }

  /** The mark that the person sees as theirs. */
  seenBy(uid: number): OwnMark {
    const hidden = this.#hiddenOf(uid);
    return hidden === undefined ? this.#visibleOf(uid) : hidden;
  }

  shownTo(uid: number): MessageMark {
    const counts = this.#countsFor(uid);
    return markOf({ likes: counts[1], dislikes: counts[2], mark: this.seenBy(uid) });
  }

  /** Changes a mark for everybody. */
  change(uid: number, acts: readonly Act[]): MarkChange[] {
    const counts = this.#counts();
    const changes = counted(acts, { uid, msgId: this.#message.id, counts });
    this.#after.counts.set(this.#message.id, counts);
    this.#after.marks.set(this.#key(uid), { uid, messageId: this.#message.id, mark: markAfter(acts) });
    return changes;
  }

  /** Changes what only the person sees. */
  hide(uid: number, acts: readonly Act[]): MarkChange[] {
    const changes = counted(acts, { uid, msgId: this.#message.id, counts: this.#countsFor(uid) });
    const now = markAfter(acts);
    const mark = now === this.#visibleOf(uid) ? undefined : now;
    this.#after.hidden.set(this.#key(uid), { uid, messageId: this.#message.id, mark });
    return changes;
  }

  /** From now on everybody sees what only the person saw. */
  reveal(uid: number): MarkChange[] {
    const hidden = this.#hiddenOf(uid);
    if (hidden === undefined) return [];
    const acts = actsBetween(this.#visibleOf(uid), hidden);
    this.#after.hidden.set(this.#key(uid), { uid, messageId: this.#message.id, mark: undefined });
    return acts.length === 0 ? [] : this.change(uid, acts);
  }

  /** Undefined: nothing is hidden. */
  #hiddenOf(uid: number): OwnMark | undefined {
    const noted = this.#after.hidden.get(this.#key(uid));
    if (noted) return noted.mark;
    const stored = this.#known.hidden.get(this.#key(uid));
    return stored === undefined ? undefined : stored === 0 ? null : stored;
  }

  #visibleOf(uid: number): OwnMark {
    const noted = this.#after.marks.get(this.#key(uid));
    return noted ? noted.mark : (this.#known.marks.get(this.#key(uid)) ?? null);
  }

  #counts(): Counts {
    const { id, likes, dislikes } = this.#message;
    return { ...(this.#after.counts.get(id) ?? { 1: likes, 2: dislikes }) };
  }

  #countsFor(uid: number): Counts {
    const counts = this.#counts();
    counted(actsBetween(this.#visibleOf(uid), this.seenBy(uid)), { uid, msgId: this.#message.id, counts });
    return counts;
  }

  #key(uid: number): string {
    return markKey(uid, this.#message.id);
  }
}

/** Each act with the count after it; changes `counts`. */
function counted(
  acts: readonly Act[],
  { uid, msgId, counts }: { uid: number; msgId: number; counts: Counts },
): MarkChange[] {
  return acts.map(({ markType, actType }) => {
    counts[markType] += actType === ActType.confirm ? 1 : -1;
    return { uid, msgId, markType, markCount: counts[markType], actType };
  });
}

function markAfter(acts: readonly Act[]): OwnMark {
  const last = acts.at(-1) as Act;
  return last.actType === ActType.confirm ? last.markType : null;
}

type Act = Pick<MarkChange, "markType" | "actType">;

/** The acts that turn a person's mark into what they want. */
function actsOf(before: OwnMark, { markType, actType }: Act): Act[] {
  if (actType === ActType.cancel) return before === markType ? actsBetween(before, null) : [];
  return actsBetween(before, markType);
}

function actsBetween(before: OwnMark, now: OwnMark): Act[] {
  if (before === now) return [];
  const cancelled = before === null ? [] : [{ markType: before, actType: ActType.cancel }];
  return now === null ? cancelled : [...cancelled, { markType: now, actType: ActType.confirm }];
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
  const membership = inHall
    ? hallMembership(actor)
    : knownToThem(memberships.get(memberKey(message.roomId, actor.uid)));
  if (!membership || !isReadable(membership, message.seq)) throw new ProblemError("not_found");
  checkIsMember({ room: { dissolved_at: message.dissolvedAt }, membership });
  if (message.recalledAt !== null) throw new ProblemError("already_recalled");
}
