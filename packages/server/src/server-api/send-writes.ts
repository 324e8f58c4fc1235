import { EVERYBODY, HALL_ROOM_ID, type Ref, SYSTEM_UID } from "@parley/protocol";
import type { Kysely } from "kysely";
import { numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { hasTakenLong, type Outcome, type WriteTransaction } from "../db/transaction.ts";
import { type CarriedError, carryError } from "../db/write-batch.ts";
import { unknownRefs } from "../identity/unknown-refs.ts";
import { ProblemError } from "../lib/problem.ts";
import { type Sent, sendMessages } from "../messages/send.ts";
import { earlierOfKeys, type SendInput, senderKey } from "../messages/send-lookups.ts";
import { openDirect } from "../rooms/room-writes.ts";
import type { HallRules } from "../rooms/rooms.ts";
import { type Destinations, destinationsOf, type PairOfUids, pairKey } from "./destinations.ts";

/** A message of the product's, with its people and room as the product names them. */
export interface ProductMessage {
  /** Where it goes: one of the two is there. */
  readonly room: Ref | null;
  readonly direct: readonly [Ref, Ref] | null;
  /** Null: it is from the system. */
  readonly from: Ref | null;
  readonly clientId: string;
  readonly type: number;
  /** What its kind has made of what was sent. */
  readonly stored: object;
  readonly replyTo: number | null;
  readonly mentions: readonly Ref[] | "all";
}

/** One request: a list of messages, or one. */
export interface ProductSend {
  /** Whose turn at the writer it takes. */
  readonly by: string;
  readonly keyId: number;
  /** Of the configuration, which the thread that writes does not know. */
  readonly hall: HallRules;
  readonly messages: readonly ProductMessage[];
}

/** What one message of a list came to; a refusal is plain data, since it crosses threads inside the reply of its list. */
export type ProductSent = { ok: true; sent: Sent } | { ok: false; error: CarriedError };

/** A message whose people and room are known, or why it is refused. */
type Resolved = { input: SendInput } | { refused: ProblemError };

/**
 * Sends the messages of all lists that wait together, by set queries and by the same procedure as people's. Each message is judged
 * alone; a list has an outcome for each of its own, in order. A direct room that is not there yet is opened for the first message that
 * is accepted.
 */
export async function sendOfProduct(
  tx: WriteTransaction,
  lists: readonly ProductSend[],
): Promise<Outcome<ProductSent[]>[]> {
  const known = await destinationsOf(
    tx.db,
    lists.flatMap(({ messages }) => messages),
  );
  const powers = await powersInHall(tx.db, lists, known);
  const resolved: Resolved[] = [];
  let taken = 0;
  for (const list of lists) {
    // A direct room that is opened takes some ways to the database.
    if (taken > 0 && hasTakenLong(tx)) break;
    for (const message of list.messages) resolved.push(await resolve(tx, { list, message, known, powers }));
    taken += 1;
  }
  const outcomes = await sendMessages(
    tx,
    resolved.flatMap((one) => ("input" in one ? [one.input] : [])),
  );
  let next = 0;
  const results = resolved.map((one): ProductSent => {
    if ("refused" in one) return { ok: false, error: carryError(one.refused) };
    const outcome = outcomes[next++] as Outcome<Sent>;
    return outcome.ok ? { ok: true, sent: outcome.value } : { ok: false, error: carryError(outcome.error) };
  });
  let from = 0;
  return lists.slice(0, taken).map(({ messages }) => {
    const value = results.slice(from, from + messages.length);
    from += messages.length;
    return { ok: true, value };
  });
}

interface Asked {
  readonly list: ProductSend;
  readonly message: ProductMessage;
  readonly known: Destinations;
  readonly powers: ReadonlyMap<number, 0 | 1>;
}

async function resolve(tx: WriteTransaction, { list, message, known, powers }: Asked): Promise<Resolved> {
  try {
    const { clientId, type, stored, replyTo } = message;
    const uid = message.from === null ? SYSTEM_UID : known.personAt(message.from, "from");
    const mentions = mentionsOf(message, known);
    const base = { keyId: list.keyId, clientId, type, stored, replyTo, mentions, visibleTo: "room" as const };
    const actor = { uid, power: powers.get(uid) ?? 0 };
    if (message.room !== null) {
      const roomId = known.roomAt(message.room);
      if (roomId === HALL_ROOM_ID) checkHall(list, actor);
      return { input: { ...base, actor, roomId } };
    }
    const pair = known.pairAt(message.direct as readonly [Ref, Ref]);
    const roomId = known.directRoom(pair) ?? (await open(tx, { known, pair, input: { ...base, actor } }));
    return { input: { ...base, actor, roomId } };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return { refused: error };
  }
}

/** @throws ProblemError `unknown_user` */
function mentionsOf({ mentions }: ProductMessage, known: Destinations): number[] {
  if (mentions === "all") return [EVERYBODY];
  return [...new Set(mentions.map((ref, index) => known.personAt(ref, `mentions.${index}`)))];
}

/**
 * Opens the direct room of a message that will be accepted: whatever could refuse it there is looked at before.
 * @throws ProblemError `client_id_reused`, `not_member`, `reply_unknown`, `unknown_user`, `too_many_rooms`
 */
async function open(
  tx: WriteTransaction,
  { known, pair, input }: { known: Destinations; pair: PairOfUids; input: Omit<SendInput, "roomId"> },
): Promise<number> {
  const { actor, keyId, clientId, replyTo, mentions } = input;
  const earlier = await earlierOfKeys(tx.db, [{ keyId: keyId as number, clientId }]);
  // It was sent before, to another place, or its room would be there.
  if (earlier.has(senderKey(input))) throw new ProblemError("client_id_reused");
  if (actor.uid !== SYSTEM_UID && !pair.includes(actor.uid)) throw new ProblemError("not_member");
  if (replyTo !== null) throw new ProblemError("reply_unknown");
  const strangers = mentions.filter((uid) => uid !== EVERYBODY && !pair.includes(uid));
  if (strangers.length > 0) {
    throw new ProblemError("unknown_user", `Not in this room: ${strangers.join(", ")}`, {
      extra: { userIds: strangers },
    });
  }
  const [uid, otherUid] = pair;
  const opener = actor.uid === SYSTEM_UID ? {} : { opener: actor.uid };
  const { roomId } = await openDirect(tx, { uid, otherUid, ...opener });
  known.opened(pairKey(pair), roomId);
  return roomId;
}

/** Which of the people that write in the hall are administrators; asked only where that matters. */
async function powersInHall(
  db: Kysely<Schema>,
  lists: readonly ProductSend[],
  known: Destinations,
): Promise<ReadonlyMap<number, 0 | 1>> {
  const messages = lists.filter(({ hall }) => hall.send === "admins").flatMap((list) => list.messages);
  const uids = messages.flatMap(({ room, from }) =>
    room === HALL_ROOM_ID && from !== null ? known.uidsOf([from]) : [],
  );
  if (uids.length === 0) return new Map();
  const rows = await db.selectFrom("users").select(["uid", "power"]).where("uid", "in", numberList(uids)).execute();
  return new Map(rows.map(({ uid, power }) => [uid, power]));
}

function checkHall({ hall }: ProductSend, { uid, power }: SendInput["actor"]): void {
  if (hall.access === "off") throw unknownRefs("unknown_room", [{ path: "room", ref: HALL_ROOM_ID }]);
  if (hall.send === "everyone" || uid === SYSTEM_UID || power === 1) return;
  throw new ProblemError("forbidden", "Only administrators may write in the hall");
}
