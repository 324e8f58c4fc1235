import { type Ref, SYSTEM_UID } from "@parley/protocol";
import type { Kysely } from "kysely";
import { prepared } from "../db/prepared.ts";
import { numberList, textList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";

/** People as the product sees them: by its own ids, or by ours. */

export interface ProductPerson {
  readonly uid: number;
  /** Null for people who made their account here. */
  readonly externalId: string | null;
  readonly name: string;
  readonly avatar: string;
  readonly createdAt: number;
}

/**
 * Those of the people who are there, by how they were named; deleted accounts and the system are nobody. At most two queries,
 * whatever their number.
 */
export async function peopleByRef(db: Kysely<Schema>, refs: readonly Ref[]): Promise<Map<Ref, ProductPerson>> {
  const externalIds = refs.filter((ref) => typeof ref === "string");
  const uids = refs.filter((ref) => typeof ref === "number");
  const byExternalId = externalIds.length === 0 ? [] : await withExternalIds(db, externalIds);
  const byUid = uids.length === 0 ? [] : await withUids(db, uids);
  return new Map<Ref, ProductPerson>([
    ...byExternalId.map((person): [Ref, ProductPerson] => [person.externalId as string, person]),
    ...byUid.map((person): [Ref, ProductPerson] => [person.uid, person]),
  ]);
}

const people = (db: Kysely<Schema>) =>
  db
    .selectFrom("users")
    .select(["uid", "external_id as externalId", "name", "avatar", "created_at as createdAt"])
    .where("deleted_at", "is", null)
    .where("uid", "!=", SYSTEM_UID);

const withExternalIds = prepared((db, ids) => people(db).where("external_id", "in", textList(ids)));
const withUids = prepared((db, uids) => people(db).where("uid", "in", numberList(uids)));
