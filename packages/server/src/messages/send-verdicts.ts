import { EVERYBODY, HALL_ROOM_ID, SYSTEM_UID } from "@parley/protocol";
import type { LoggedEvent } from "../db/transaction.ts";
import { bannedProblem } from "../identity/banned.ts";
import { ProblemError } from "../lib/problem.ts";
import { memberKey } from "../rooms/member-lookups.ts";
import { isReadable } from "../rooms/reading.ts";
import { sendRefusal } from "../rooms/rights.ts";
import { hallMembership, knownToThem, type Membership, otherIn } from "../rooms/rooms.ts";
import type { StoredRest } from "./message-json.ts";
import { type QuotedMessage, type SendInput, type SendLookups, type SendRoom, senderKey } from "./send-lookups.ts";

/** The outcome of one send. */
export type Verdict =
  | { kind: "refused"; error: ProblemError }
  /** It was stored by an earlier batch. */
  | { kind: "repeat"; id: number }
  /** The same client id comes earlier in this batch. */
  | { kind: "duplicate"; of: Accepted }
  | { kind: "new"; message: Accepted };

/** A message that will be stored; `event` is set once it is logged. */
export interface Accepted {
  readonly input: SendInput;
  readonly hash: string;
  /** Null if it makes no dot: only its sender may see it. */
  readonly no: number | null;
  /** How many messages of the room make a dot up to here, all of which its sender has read. */
  readonly readNo: number;
  /** JSON text of the row's contents. */
  readonly stored: string;
  readonly quoted: QuotedMessage | null;
  event?: LoggedEvent;
}

/**
 * What somebody writes to a person who has blocked them is visible only to its sender, whatever was requested. Pure.
 */
export function seenBy(input: SendInput, known: SendLookups): SendInput {
  const { uid } = input.actor;
  const other = otherIn(known.rooms.get(input.roomId)?.direct_key ?? null, uid);
  if (other === undefined || !known.blocks.has(other, uid)) return input;
  return { ...input, visibleTo: "sender" };
}

/** Decides which sends are accepted and which are repeats, and gives the accepted ones their numbers. Pure. */
export function judge(inputs: readonly SendInput[], known: SendLookups, now: number): Verdict[] {
  const numbers = new Map<number, number>();
  const taken = new Map<string, Accepted>();
  return inputs.map((input): Verdict => {
    const key = senderKey(input);
    const hash = requestHash(input);
    const earlier = known.earlier.get(key);
    const first = taken.get(key);
    if (earlier ?? first) {
      const known = earlier ? earlier.requestHash : first?.hash;
      // No digest of a recalled message is kept: any request with its client id is taken for a repeat.
      if (known !== null && known !== hash) return { kind: "refused", error: new ProblemError("client_id_reused") };
      return earlier ? { kind: "repeat", id: earlier.id } : { kind: "duplicate", of: first as Accepted };
    }
    const error = refusal(input, known, now);
    if (error) return { kind: "refused", error };
    const message = accepted(input, { known, numbers, hash });
    taken.set(key, message);
    return { kind: "new", message };
  });
}

/** Takes the room's next number, unless the message makes no dot. */
function accepted(
  input: SendInput,
  { known, numbers, hash }: { known: SendLookups; numbers: Map<number, number>; hash: string },
): Accepted {
  const before = numbers.get(input.roomId) ?? (known.rooms.get(input.roomId) as SendRoom).no;
  const makesDot = input.visibleTo === "room";
  if (makesDot) numbers.set(input.roomId, before + 1);
  const quoted = input.replyTo === null ? null : (known.quoted.get(input.replyTo) as QuotedMessage);
  const rest: StoredRest = {
    mentions: input.mentions,
    ...(quoted && { gap: before + 1 - (quoted.no as number) }),
  };
  const stored = JSON.stringify({ ...input.stored, ...rest });
  const numbered = makesDot ? { no: before + 1, readNo: before + 1 } : { no: null, readNo: before };
  return { input, hash, ...numbered, stored, quoted };
}

function refusal(input: SendInput, known: SendLookups, now: number): ProblemError | undefined {
  const { roomId, keyId, replyTo, mentions } = input;
  const ban = known.banned.get(input.actor.uid);
  if (ban) return bannedProblem(ban);
  const room = known.rooms.get(roomId);
  const inHall = roomId === HALL_ROOM_ID;
  const membership = membershipOf(input, known);
  // A room is not hidden from the product, as it is from strangers.
  if (keyId !== undefined && membership?.leftSeq !== null) return new ProblemError("not_member");
  const refused = sendRefusal(room && { room, membership }, now);
  if (refused) return refused;
  const stranger = directRefusal(input, known);
  if (stranger) return stranger;
  if (replyTo !== null) {
    const quoted = known.quoted.get(replyTo);
    const readable = quoted?.roomId === roomId && membership && isReadable(membership, quoted.seq);
    // Nobody can answer a message that makes no dot, such as a notice of the system.
    if (!readable || quoted.no === null || !mayQuote(input, quoted)) return new ProblemError("reply_unknown");
  }
  if (mentions.includes(EVERYBODY)) {
    // The product says whom its messages are for.
    if (keyId !== undefined || (membership && membership.role < 3)) return undefined;
    return new ProblemError("forbidden", "Only the owner and admins may mention everybody");
  }
  const isHere = (uid: number) =>
    inHall ? known.people.has(uid) : known.memberships.get(memberKey(roomId, uid))?.leftSeq === null;
  const strangers = mentions.filter((uid) => !isHere(uid));
  if (strangers.length === 0) return undefined;
  const message = `Not in this room: ${strangers.join(", ")}`;
  return new ProblemError("unknown_user", message, { extra: { userIds: strangers } });
}

/** Checks blocks and friendship of two people in their direct room; server keys are exempt. */
function directRefusal({ roomId, actor, keyId, friendsOnly }: SendInput, known: SendLookups): ProblemError | undefined {
  const other = otherIn(known.rooms.get(roomId)?.direct_key ?? null, actor.uid);
  if (other === undefined || keyId !== undefined) return undefined;
  if (known.blocks.has(actor.uid, other)) return new ProblemError("person_blocked");
  if (friendsOnly && !known.friends.has(actor.uid, other)) {
    return new ProblemError("not_friends", undefined, { extra: { userIds: [other] } });
  }
  return undefined;
}

/** The system is in no room, and may write and read in all of them, as an administrator in the hall. */
function membershipOf({ roomId, actor, keyId }: SendInput, known: SendLookups): Membership | undefined {
  if (actor.uid === SYSTEM_UID) return hallMembership({ power: 1 });
  if (roomId === HALL_ROOM_ID) return hallMembership(actor);
  const membership = known.memberships.get(memberKey(roomId, actor.uid));
  return keyId === undefined ? knownToThem(membership) : membership;
}

/** A quotation is shown to everybody who may read the quoting message, so that message must not reach further than the quoted one. */
function mayQuote({ actor, visibleTo }: SendInput, quoted: QuotedMessage): boolean {
  return quoted.senderOnly === 0 || (quoted.uid === actor.uid && visibleTo === "sender");
}

/** Leaves out who may see the message: the sender does not decide that, and it may differ when the request is repeated. */
function requestHash({ roomId, type, stored, sent = stored, replyTo, mentions, keyId, actor }: SendInput): string {
  // A key says in whose name it sends, and people do not.
  const from = keyId === undefined ? [] : [actor.uid];
  return new Bun.CryptoHasher("sha256")
    .update(JSON.stringify([roomId, type, ...Object.values(sent), replyTo, mentions, ...from]))
    .digest("hex");
}
