import { type Acting, noteAct } from "../audit/audit-writes.ts";
import { insertRows, numberList, textList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { openFollower } from "../event-log/follower-writes.ts";
import { Internal, internalEvent } from "../identity/internal-events.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";

export interface NewWebhook {
  readonly url: string;
  readonly secret: string;
  /** Names of events; null: all. */
  readonly events: readonly string[] | null;
  readonly by: Acting;
}

/** What the audit log says about a webhook: not its secret, and only the host of its address. */
function noted({ url, events }: { url: string; events: readonly string[] | null }): object {
  return { at: new URL(url).origin, events };
}

/** The name under which a webhook's place in the log is stored. */
export function followerOf(webhookId: number): string {
  return `webhook ${webhookId}`;
}

/** It is told what happens from now on. @throws ProblemError `too_many_webhooks` */
export async function addWebhook(
  tx: WriteTransaction,
  { url, secret, events, by }: NewWebhook,
): Promise<{ id: number; createdAt: number }> {
  const { count } = await tx.db
    .selectFrom("webhooks")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  if (count >= CAPS.webhooks.count) throw new ProblemError("too_many_webhooks");
  const { id } = await tx.db
    .insertInto("webhooks")
    .values({ url, secret, events: asText(events), created_at: tx.now })
    .returning("id")
    .executeTakeFirstOrThrow();
  await openFollower(tx, { name: followerOf(id) });
  await noteAct(tx, by, { act: "webhook.add", target: String(id), after: noted({ url, events }) });
  await append(tx, [internalEvent(Internal.WEBHOOKS_CHANGED, { webhookId: id })]);
  return { id, createdAt: tx.now };
}

export interface WebhookChange {
  readonly id: number;
  readonly url?: string | undefined;
  readonly events?: readonly string[] | null | undefined;
  readonly by: Acting;
}

/** Changes the given fields, for everything that has not been delivered yet. @throws ProblemError `not_found` */
export async function changeWebhook(tx: WriteTransaction, { id, url, events, by }: WebhookChange): Promise<void> {
  const found = await tx.db.selectFrom("webhooks").select(["url", "events"]).where("id", "=", id).executeTakeFirst();
  if (!found) throw new ProblemError("not_found");
  const before = { url: found.url, events: found.events === null ? null : (JSON.parse(found.events) as string[]) };
  const after = { url: url ?? before.url, events: events === undefined ? before.events : events };
  await noteAct(tx, by, { act: "webhook.change", target: String(id), before: noted(before), after: noted(after) });
  sent(
    tx,
    tx.db
      .updateTable("webhooks")
      .set({ ...(url !== undefined && { url }), ...(events !== undefined && { events: asText(events) }), id })
      .where("id", "=", id)
      .execute(),
  );
  await append(tx, [internalEvent(Internal.WEBHOOKS_CHANGED, { webhookId: id })]);
}

/** With everything that was to be delivered there. @throws ProblemError `not_found` */
export async function removeWebhook(tx: WriteTransaction, { id, by }: { id: number; by: Acting }): Promise<void> {
  const gone = await tx.db.deleteFrom("webhooks").where("id", "=", id).returning("url").executeTakeFirst();
  if (!gone) throw new ProblemError("not_found");
  await noteAct(tx, by, { act: "webhook.remove", target: String(id), before: { at: new URL(gone.url).origin } });
  sent(tx, tx.db.deleteFrom("followers").where("name", "=", followerOf(id)).execute());
  sent(tx, tx.db.deleteFrom("webhook_lanes").where("webhook_id", "=", id).execute());
  sent(tx, tx.db.deleteFrom("webhook_dead_letters").where("webhook_id", "=", id).execute());
  await append(tx, [internalEvent(Internal.WEBHOOKS_CHANGED, { webhookId: id })]);
}

/** Since when nothing can be delivered there; null: something was. */
export async function noteFailing(
  tx: WriteTransaction,
  { id, since }: { id: number; since: number | null },
): Promise<void> {
  sent(tx, tx.db.updateTable("webhooks").set({ failing_since: since }).where("id", "=", id).execute());
}

/** Where a stream that is behind continues. */
export interface KeptLane {
  readonly stream: string;
  readonly seq: number;
  readonly pos: number;
  readonly at: number;
  readonly attempts: number;
  readonly failingSince: number | null;
}

/** Writes where these streams continue, and forgets those that are no longer behind. Does nothing for a webhook that no longer exists. */
export async function keepLanes(
  tx: WriteTransaction,
  { webhookId, lanes, ended }: { webhookId: number; lanes: readonly KeptLane[]; ended: readonly string[] },
): Promise<void> {
  const found = await tx.db.selectFrom("webhooks").select("id").where("id", "=", webhookId).executeTakeFirst();
  if (!found) return;
  sent(
    tx,
    insertRows(tx.db, "webhook_lanes", {
      columns: ["webhook_id", "stream", "seq", "pos", "at", "attempts", "failing_since"],
      values: lanes.map(({ stream, seq, pos, at, attempts, failingSince }) => [
        ...[webhookId, stream, seq, pos, at, attempts, failingSince],
      ]),
      conflict: { key: ["webhook_id", "stream"], take: ["seq", "pos", "at", "attempts", "failing_since"] },
    }),
  );
  if (ended.length === 0) return;
  sent(
    tx,
    tx.db
      .deleteFrom("webhook_lanes")
      .where("webhook_id", "=", webhookId)
      .where("stream", "in", textList(ended))
      .execute(),
  );
}

/** The place of an event that is given up. */
export interface DeadLetter {
  readonly pos: number;
  readonly stream: string;
  readonly seq: number;
  readonly type: number;
  readonly at: number;
}

/** Keeps the places of these, at most as many at once as one read brings. @returns how many older ones were dropped to make room */
export async function bury(
  tx: WriteTransaction,
  input: { webhookId: number; letters: readonly DeadLetter[]; attempts: number; reason: string },
): Promise<{ dropped: number }> {
  const { webhookId, letters, attempts, reason } = input;
  const found = await tx.db.selectFrom("webhooks").select("id").where("id", "=", webhookId).executeTakeFirst();
  if (!found) return { dropped: 0 };
  sent(
    tx,
    insertRows(tx.db, "webhook_dead_letters", {
      columns: ["webhook_id", "pos", "stream", "seq", "type", "at", "died_at", "attempts", "reason"],
      values: letters.map(({ pos, stream, seq, type, at }) => [
        ...[webhookId, pos, stream, seq, type, at, tx.now, attempts, reason],
      ]),
      conflict: { key: ["webhook_id", "pos"] },
    }),
  );
  const { count } = await tx.db
    .selectFrom("webhook_dead_letters")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("webhook_id", "=", webhookId)
    .executeTakeFirstOrThrow();
  const dropped = Math.max(0, count - CAPS.deadLetters.count);
  if (dropped === 0) return { dropped };
  const oldest = await tx.db
    .selectFrom("webhook_dead_letters")
    .select("pos")
    .where("webhook_id", "=", webhookId)
    .orderBy("pos")
    .limit(dropped)
    .execute();
  sent(
    tx,
    tx.db
      .deleteFrom("webhook_dead_letters")
      .where("webhook_id", "=", webhookId)
      .where("pos", "in", numberList(oldest.map(({ pos }) => pos)))
      .execute(),
  );
  return { dropped };
}

/** After it was delivered. */
export async function removeDeadLetter(
  tx: WriteTransaction,
  { webhookId, pos }: { webhookId: number; pos: number },
): Promise<void> {
  sent(
    tx,
    tx.db.deleteFrom("webhook_dead_letters").where("webhook_id", "=", webhookId).where("pos", "=", pos).execute(),
  );
}

function asText(events: readonly string[] | null): string | null {
  return events && JSON.stringify([...new Set(events)]);
}
