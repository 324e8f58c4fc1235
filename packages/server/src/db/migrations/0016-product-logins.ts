import { type Kysely, sql } from "kysely";

/**
 * Logins by the product's own tokens, which have no rows: until when such tokens of a person are refused, even if the account was deleted
 * and the external id belongs to somebody new, and who has scanned a QR code.
 */
export async function productLogins(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("users").addColumn("tokens_not_before", "bigint").execute();
  await db.schema.alterTable("qr_logins").addColumn("scanned_by_product_login", "text").execute();
  await sql`create table ended_external_ids (external_id_hash text primary key, ended_at bigint not null)`.execute(db);
}
