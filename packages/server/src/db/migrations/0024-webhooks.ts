import { type Kysely, sql } from "kysely";
import { CLUSTERED, NUMBERED_KEY } from "../columns.ts";

/**
 * Addresses of the product's own that are told what happens (`webhooks/webhooks.ts`), streams that are behind there, and what could not be
 * delivered. How far each address is stands in `followers`.
 */
export async function webhooks(db: Kysely<unknown>): Promise<void> {
  await sql`create table webhooks (
    id ${NUMBERED_KEY}, url text not null, secret text not null, events text, created_at bigint not null, failing_since bigint
  )`.execute(db);
  await sql`create table webhook_lanes (
    webhook_id bigint not null, stream text not null, seq bigint not null, pos bigint not null, at bigint not null,
    attempts bigint not null, failing_since bigint, primary key (webhook_id, stream)
  ) ${CLUSTERED}`.execute(db);
  await sql`create table webhook_dead_letters (
    webhook_id bigint not null, pos bigint not null, stream text not null, seq bigint not null, type bigint not null,
    at bigint not null, died_at bigint not null, attempts bigint not null, reason text not null,
    primary key (webhook_id, pos)
  ) ${CLUSTERED}`.execute(db);
}
