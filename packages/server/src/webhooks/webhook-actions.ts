import { Push } from "@parley/protocol";
import { sql } from "kysely";
import type { BaseContext } from "../db/base-context.ts";
import type { LogReader, StoredEvent } from "../event-log/log-reader.ts";
import { parseNumberCursor } from "../http/page.ts";
import { type AdminActor as Actor, acting } from "../identity/administrator.ts";
import { ProblemError } from "../lib/problem.ts";
import { toldName } from "./told-events.ts";
import { newWebhookSecret, type WebhookEvent } from "./webhook-form.ts";
import * as procedures from "./webhook-writes.ts";
import { targetOf, type Webhooks } from "./webhooks.ts";

/** What administrators do with webhooks. */
export interface WebhooksContext extends BaseContext {
  readonly webhooks: Pick<Webhooks, "tellAgain">;
  readonly reader: Pick<LogReader, "at" | "end">;
}

/** A webhook as administrators see it; its secret is shown once, when it is made. */
export interface ShownWebhook {
  readonly id: number;
  readonly url: string;
  /** Null: all. */
  readonly events: WebhookEvent[] | null;
  readonly createdAt: number;
  /** Since when nothing could be delivered there; null: something could. */
  readonly failingSince: number | null;
  /** Events in the log after its place, whether it wants them or not. */
  readonly lag: number;
  /** Streams that are behind and delivered separately. */
  readonly behind: number;
  readonly deadLetters: number;
}

/** There are few, so all of them. */
export async function listWebhooks({ db, reader }: WebhooksContext, _actor: Actor): Promise<ShownWebhook[]> {
  const end = await reader.end();
  const rows = await selectWebhooks(db).orderBy("webhooks.id").execute();
  return rows.map((row) => shown(row, end));
}

/** It is told what happens from now on. @throws ProblemError `too_many_webhooks`, `rate_limited` */
export async function addWebhook(
  context: WebhooksContext,
  actor: Actor,
  { url, events }: { url: string; events: WebhookEvent[] | null },
): Promise<ShownWebhook & { secret: string }> {
  const { rates, writes } = context;
  rates.webhookChanges.take(actor.uid);
  const secret = newWebhookSecret();
  const { id, createdAt } = await writes.run(procedures.addWebhook, { url, secret, events, by: acting(actor) });
  return { id, url, events, createdAt, failingSince: null, lag: 0, behind: 0, deadLetters: 0, secret };
}

/** Applies to everything that has not been delivered yet. @throws ProblemError `not_found`, `rate_limited` */
export async function changeWebhook(
  context: WebhooksContext,
  actor: Actor,
  { id, ...changes }: { id: number; url?: string | undefined; events?: WebhookEvent[] | null | undefined },
): Promise<ShownWebhook> {
  const { rates, writes, db, reader } = context;
  rates.webhookChanges.take(actor.uid);
  await writes.run(procedures.changeWebhook, { id, ...changes, by: acting(actor) });
  const row = await selectWebhooks(db).where("webhooks.id", "=", id).executeTakeFirst();
  if (!row) throw new ProblemError("not_found");
  return shown(row, await reader.end());
}

/** What was to be delivered there is forgotten. @throws ProblemError `not_found`, `rate_limited` */
export async function removeWebhook({ rates, writes }: WebhooksContext, actor: Actor, id: number): Promise<void> {
  rates.webhookChanges.take(actor.uid);
  await writes.run(procedures.removeWebhook, { id, by: acting(actor) });
}

/** The place of an event that was given up. */
export interface ShownDeadLetter {
  readonly pos: number;
  readonly event: string;
  readonly stream: string;
  readonly seq: number;
  readonly at: number;
  readonly diedAt: number;
  readonly attempts: number;
  readonly reason: string;
}

/** The oldest first. @throws ProblemError `not_found`, `invalid` */
export async function listDeadLetters(
  { db }: WebhooksContext,
  _actor: Actor,
  { id, cursor, limit }: { id: number; cursor: string | undefined; limit: number },
): Promise<{ items: ShownDeadLetter[]; nextCursor: string | null }> {
  const found = await db.selectFrom("webhooks").select("id").where("id", "=", id).executeTakeFirst();
  if (!found) throw new ProblemError("not_found");
  const rows = await db
    .selectFrom("webhook_dead_letters")
    .selectAll()
    .where("webhook_id", "=", id)
    .where("pos", ">", parseNumberCursor(cursor) ?? 0)
    .orderBy("pos")
    .limit(limit + 1)
    .execute();
  const items = rows.slice(0, limit).map(({ pos, stream, seq, type, at, died_at, attempts, reason }) => {
    const event = toldName({ stream, type }) ?? "unknown";
    return { pos, event, stream, seq, at, diedAt: died_at, attempts, reason };
  });
  return { items, nextCursor: rows.length > limit ? String(items.at(-1)?.pos) : null };
}

/**
 * Delivers an event that was given up, once, now. If that succeeds it is no longer a dead letter. @returns why it failed; null: it was
 * delivered @throws ProblemError `not_found`, also if the event has left the log; `rate_limited`
 */
export async function retryDeadLetter(
  { db, rates, writes, reader, webhooks }: WebhooksContext,
  actor: Actor,
  { id, pos }: { id: number; pos: number },
): Promise<{ reason: string | null }> {
  rates.webhookChanges.take(actor.uid);
  const row = await db.selectFrom("webhooks").selectAll().where("id", "=", id).executeTakeFirst();
  const letter = await db
    .selectFrom("webhook_dead_letters")
    .selectAll()
    .where("webhook_id", "=", id)
    .where("pos", "=", pos)
    .executeTakeFirst();
  if (!row || !letter) throw new ProblemError("not_found");
  const { stream, seq, type, at, attempts } = letter;
  // A message outlives its event, and is enough to build the frame.
  const message = type === Push.MESSAGE && { pos, stream, seq, type, at, messageId: pos, data: null };
  const event: StoredEvent | undefined = (await reader.at(pos)) ?? (message || undefined);
  if (!event) throw new ProblemError("not_found", "This event has left the log");
  const reason = await webhooks.tellAgain(targetOf(row), event, attempts + 1);
  if (reason !== undefined) return { reason };
  await writes.run(procedures.removeDeadLetter, { webhookId: id, pos });
  return { reason: null };
}

function selectWebhooks(db: WebhooksContext["db"]) {
  return db
    .selectFrom("webhooks")
    .select(["webhooks.id", "url", "events", "created_at", "failing_since"])
    .select((eb) => [
      eb.selectFrom("followers").select("pos").where("name", "=", sql<string>`'webhook ' || webhooks.id`).as("pos"),
      eb
        .selectFrom("webhook_lanes")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .whereRef("webhook_id", "=", "webhooks.id")
        .as("behind"),
      eb
        .selectFrom("webhook_dead_letters")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .whereRef("webhook_id", "=", "webhooks.id")
        .as("deadLetters"),
    ]);
}

type SelectedWebhook = Awaited<ReturnType<ReturnType<typeof selectWebhooks>["execute"]>>[number];

function shown(row: SelectedWebhook, end: number): ShownWebhook {
  return {
    id: row.id,
    url: row.url,
    events: row.events === null ? null : (JSON.parse(row.events) as WebhookEvent[]),
    createdAt: row.created_at,
    failingSince: row.failing_since,
    lag: Math.max(0, end - (row.pos ?? end)),
    behind: row.behind ?? 0,
    deadLetters: row.deadLetters ?? 0,
  };
}
