import { sql } from "kysely";
import { preparedBy } from "../db/prepared.ts";
import { hasTakenLong, type Outcome, type WriteTransaction } from "../db/transaction.ts";
import { append, type Draft } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { checkKnown } from "../rooms/joining.ts";
import { type Ask, type AskLookups, lookUp, pairKey } from "./ask-lookups.ts";
import { befriend } from "./befriend.ts";
import { applyEvent, friendEvent } from "./contact-events.ts";
import { REQUEST_COLUMNS, type RequestRow, type RequestView, viewOf } from "./request-rows.ts";

/** After a rejection the same person asks the same other person again so many milliseconds later at the earliest. */
const WAIT_MS = 24 * 60 * 60 * 1000;

/** What asking came to. */
export interface Asked {
  readonly request: RequestView;
  /** False: it was there already, or it was the answer to one of the other person's. */
  readonly created: boolean;
}

/**
 * Asks somebody to be friends, for all who ask at once, by set queries. An open request stands as it is; where the other person has asked, this accepts,
 * which costs what an acceptance does. Whether the other person has blocked the one who asks makes no difference to what that one is answered and shown.
 */
export async function askFriend(tx: WriteTransaction, asks: readonly Ask[]): Promise<Outcome<Asked>[]> {
  const batch = new AskBatch(tx, await lookUp(tx.db, asks));
  const outcomes: Outcome<Asked>[] = [];
  for (const ask of asks) {
    // Each takes a way to the database, or an acceptance's.
    if (outcomes.length > 0 && hasTakenLong(tx)) break;
    try {
      outcomes.push({ ok: true, value: await batch.ask(ask) });
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      outcomes.push({ ok: false, error });
    }
  }
  await batch.log();
  return outcomes;
}

/** Takes one ask after the other; each sees what those before it have done. */
class AskBatch {
  readonly #tx: WriteTransaction;
  readonly #known: AskLookups;
  /** Pairs who have become friends in this batch. */
  readonly #befriended = new Set<string>();
  #drafts: Draft[] = [];

  constructor(tx: WriteTransaction, known: AskLookups) {
    this.#tx = tx;
    this.#known = known;
  }

  async ask({ uid, userId, text }: Ask): Promise<Asked> {
    const { people, blocks, friends, requests } = this.#known;
    if (uid === userId) throw new ProblemError("own_account");
    if (!people.has(userId)) checkKnown([userId]);
    if (blocks.has(uid, userId)) throw new ProblemError("person_blocked");
    if (friends.has(uid, userId) || this.#befriended.has(pairKey(uid, userId))) {
      throw new ProblemError("already_friends");
    }
    const theirs = requests.get(pairKey(userId, uid));
    if (theirs?.state === "open") return { request: viewOf(await this.#accept(theirs), uid), created: false };
    const hidden = blocks.has(userId, uid) ? 1 : 0;
    const mine = requests.get(pairKey(uid, userId));
    if (mine?.state === "open") {
      // Where the other person's list is full, it waits unseen for another try, as it has waited so far.
      if (mine.hidden === 1 && hidden === 0 && this.#hasPlace(userId)) await this.#show(mine);
      return { request: viewOf(mine, uid), created: false };
    }
    if (mine?.state === "rejected") checkHasWaited(mine, this.#tx.clockNow);
    this.#checkLeft(uid, userId);
    return { request: viewOf(await this.#make({ uid, userId, text, hidden }, mine), uid), created: true };
  }

  /** Logs what has been done so far. */
  async log(): Promise<void> {
    await append(this.#tx, this.#drafts);
    this.#drafts = [];
  }

  async #accept(request: RequestRow): Promise<RequestRow> {
    // What stands before it in the order of time stands before it in the log.
    await this.log();
    const { from_uid: from, to_uid: to } = request;
    const accepted = await befriend(this.#tx, request);
    this.#note(accepted);
    this.#count(request, -1);
    this.#befriended.add(pairKey(from, to)).add(pairKey(to, from));
    return accepted;
  }

  /** A request that was hidden reaches the person who is asked, since it was made again after the block had ended. */
  async #show(request: RequestRow): Promise<void> {
    const { db } = this.#tx;
    await db.updateTable("friend_requests").set({ hidden: 0, read: 0 }).where("id", "=", request.id).execute();
    this.#note({ ...request, hidden: 0, read: 0 });
    const { to_uid: to } = request;
    this.#known.got.set(to, (this.#known.got.get(to) ?? 0) + 1);
    this.#drafts.push(...asks(request));
  }

  /** @param before an answered one, whose place it takes */
  async #make(ask: Ask & { readonly hidden: 0 | 1 }, before: RequestRow | undefined): Promise<RequestRow> {
    const { db, now } = this.#tx;
    if (before) await db.deleteFrom("friend_requests").where("id", "=", before.id).execute();
    const [made] = await insertRequest(db, { ...ask, now });
    const request = made as RequestRow;
    this.#note(request);
    this.#count(request, 1);
    const told = friendEvent(ask.uid, { uid: ask.userId, change: "requested", requestId: request.id });
    this.#drafts.push(told, ...(ask.hidden ? [] : asks(request)));
    // The answered one has left the list of the person who is asked, who learns nothing of the new one.
    if (ask.hidden && before?.hidden === 0) {
      this.#drafts.push(friendEvent(ask.userId, { uid: ask.uid, change: "withdrawn", requestId: before.id }));
    }
    return request;
  }

  #note(request: RequestRow): void {
    this.#known.requests.set(pairKey(request.from_uid, request.to_uid), request);
  }

  #count({ from_uid: from, to_uid: to, hidden }: RequestRow, by: 1 | -1): void {
    const { made, got } = this.#known;
    made.set(from, (made.get(from) ?? 0) + by);
    if (!hidden) got.set(to, (got.get(to) ?? 0) + by);
  }

  /** Fewer requests wait for this person than may. */
  #hasPlace(userId: number): boolean {
    return (this.#known.got.get(userId) ?? 0) < CAPS.requestsGot.count;
  }

  #checkLeft(uid: number, userId: number): void {
    if ((this.#known.made.get(uid) ?? 0) >= CAPS.requestsMade.count) {
      const message = "Too many of your friend requests are waiting for an answer; withdraw some";
      throw new ProblemError("too_many_requests_open", message);
    }
    if (this.#hasPlace(userId)) return;
    const message = "Too many friend requests are waiting for this person";
    throw new ProblemError("too_many_requests_open", message, { extra: { userIds: [userId] } });
  }
}

/** What tells the person who is asked. */
function asks({ id, from_uid: from, to_uid: to }: RequestRow): Draft[] {
  return [applyEvent(to, from), friendEvent(to, { uid: from, change: "requested", requestId: id })];
}

function checkHasWaited({ answered_at }: RequestRow, now: number): void {
  const until = (answered_at ?? 0) + WAIT_MS;
  if (until > now) throw new ProblemError("request_rejected", undefined, { extra: { until } });
}

const insertRequest = preparedBy(["uid", "userId", "text", "hidden", "now"], (db, { uid, userId, text, hidden, now }) =>
  db
    .insertInto("friend_requests")
    .values({
      from_uid: sql<number>`${uid}`,
      to_uid: sql<number>`${userId}`,
      text: sql<string>`${text}`,
      state: "open",
      hidden: sql<0 | 1>`${hidden}`,
      read: 0,
      created_at: sql<number>`${now}`,
      answered_at: null,
    })
    .returning(REQUEST_COLUMNS),
);
