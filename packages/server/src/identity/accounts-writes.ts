import type { User } from "@parley/protocol";
import { sql } from "kysely";
import { type Acting, noteAct } from "../audit/audit-writes.ts";
import { boundRows, insertRows, textList } from "../db/rows.ts";
import { acceptedOf, type Outcome, outcomeOf, sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { endContacts } from "./contacts-end.ts";
import { forgetNotices } from "./forget-notices.ts";
import { startInHall } from "./hall-place.ts";
import { Internal, internalEvent } from "./internal-events.ts";
import { forgetKnown } from "./known-requesters-writes.ts";
import { endLoginsOf, insertLogins, type MadeLogin } from "./logins-writes.ts";
import { forgetLooks, heldLooks, storeLooks } from "./name-looks.ts";
import { DELETED_NAME, deletedKey, isReserved, nameKey, nameLooks } from "./names.ts";
import { ownedRooms } from "./owned-rooms.ts";
import { hashOf } from "./tokens.ts";
import { USER_COLUMNS, userOf } from "./users.ts";

/** Of the groups that keep an account from being deleted, so many are named. */
const ROOMS_NAMED = 10;

export interface NewUser {
  /** As `nameSchema` returns it. */
  readonly name: string;
  readonly passwordHash: string;
  readonly power: 0 | 1;
  readonly ip: string;
}

/** Makes accounts inside another write, and returns an outcome for each. Refused: `name_taken`, also by one before it. */
export async function insertUsers(tx: WriteTransaction, users: readonly NewUser[]): Promise<Outcome<User>[]> {
  const names = users.map(({ name }) => name);
  const keys = new Set((await holdersOf(tx, names.map(nameKey))).keys());
  const held = await heldLooks(tx, { names, uids: [] });
  const verdicts = users.map((user, index) =>
    outcomeOf(() => {
      const key = nameKey(user.name);
      const looks = nameLooks(user.name);
      if (keys.has(key) || held.isTaken(looks) || isReserved(user.name)) throw new ProblemError("name_taken");
      // Nobody has a uid yet; a number below all of them tells the new ones apart.
      held.give(-index - 1, looks);
      return { ...user, key };
    }),
  );
  const made = await store(tx, acceptedOf(verdicts));
  await startInHall(
    tx,
    [...made.values()].map(({ uid }) => uid),
  );
  await storeLooks(tx, [...made.values()]);
  await tellMade(
    tx,
    [...made.values()].map(({ uid }) => uid),
  );
  return verdicts.map((verdict) => (verdict.ok ? { ok: true, value: made.get(verdict.value.key) as User } : verdict));
}

/** Logs that these accounts are new, for whoever follows the log. */
export async function tellMade(tx: WriteTransaction, uids: readonly number[]): Promise<void> {
  await append(
    tx,
    uids.map((uid) => internalEvent(Internal.PERSON_MADE, { uid })),
  );
}

/** Whose a name is, by its key; deleted accounts hold none that a name can have. */
export async function holdersOf(tx: WriteTransaction, keys: readonly string[]): Promise<Map<string, number>> {
  const rows = await tx.db
    .selectFrom("users")
    .select(["uid", "name_key as key"])
    .where("name_key", "in", textList(keys))
    .execute();
  return new Map(rows.map(({ key, uid }) => [key, uid]));
}

const GIVEN = { name: "text", name_key: "text", power: "flag", password_hash: "text", created_ip: "text" } as const;

async function store(
  tx: WriteTransaction,
  users: readonly (NewUser & { readonly key: string })[],
): Promise<Map<string, User>> {
  if (users.length === 0) return new Map();
  const now = sql.val(tx.now);
  const rows = users.map(({ name, key, power, passwordHash, ip }) => [name, key, power, passwordHash, ip]);
  const given = boundRows(GIVEN, rows);
  const inserted = await tx.db
    .insertInto("users")
    .columns([
      "name",
      "name_key",
      "power",
      "password_hash",
      "created_ip",
      "avatar",
      "created_at",
      "updated_at",
      "last_seen_at",
    ])
    .expression((eb) =>
      eb
        .selectFrom(given.as("made"))
        .selectAll("made")
        .select([sql.val("").as("avatar"), now.as("created_at"), now.as("updated_at"), now.as("last_seen_at")]),
    )
    .returning([...USER_COLUMNS, "name_key as key"])
    .execute();
  return new Map(inserted.map((row) => [row.key, userOf(row)]));
}

export interface NewAccount {
  readonly name: string;
  readonly passwordHash: string;
  readonly tokenHash: string;
  readonly ip: string;
  readonly userAgent: string;
  /** The administrator who makes it for somebody; absent: its owner does. */
  readonly maker?: Acting;
}

/** Accounts, each with its first login. Refused: `name_taken`. */
export async function createAccount(
  tx: WriteTransaction,
  inputs: readonly NewAccount[],
): Promise<Outcome<MadeLogin>[]> {
  const users = await insertUsers(
    tx,
    inputs.map((input) => ({ ...input, power: 0 })),
  );
  const logins = inputs.flatMap((input, index) => {
    const user = users[index] as Outcome<User>;
    return user.ok ? [{ ...input, user: user.value, uid: user.value.uid, via: "password" as const }] : [];
  });
  const made = await insertLogins(tx, logins);
  for (const { maker, uid } of logins) {
    if (maker) await noteAct(tx, maker, { act: "user.add", target: `${uid}`, after: { power: 0 } });
  }
  return users.map((user, index) =>
    user.ok ? { ok: true, value: made.get((inputs[index] as NewAccount).tokenHash) as MadeLogin } : user,
  );
}

/**
 * Ends an account: nobody can sign in to it, its name is free, and nothing personal stays in its row. The row itself
 * stays, since messages name it. Calling it again does nothing.
 * @throws ProblemError `owner_cannot_leave` while they own groups, which nobody could hand over or dissolve any more
 */
export async function deleteAccount(tx: WriteTransaction, { uid }: { uid: number; by?: string }): Promise<void> {
  await refuseOwner(tx, uid);
  await endLoginsOf(tx, [uid]);
  await endExternalId(tx, uid);
  const row = await tx.db
    .updateTable("users")
    .set({
      name: DELETED_NAME,
      name_key: deletedKey(uid),
      external_id: null,
      avatar: "",
      power: 0,
      password_hash: null,
      created_ip: "",
      updated_at: tx.now,
      deleted_at: tx.now,
    })
    .where("uid", "=", uid)
    .where("deleted_at", "is", null)
    .returning("uid")
    .executeTakeFirst();
  if (!row) return;
  await forgetLooks(tx, [uid]);
  await forgetKnown(tx, uid);
  await forgetNotices(tx, uid);
  await endContacts(tx, uid);
  await append(tx, [internalEvent(Internal.USER_CHANGED, { uid })]);
}

/** Tokens of this person do not sign in somebody else who gets the external id later. */
async function endExternalId(tx: WriteTransaction, uid: number): Promise<void> {
  const person = await tx.db
    .selectFrom("users")
    .select("external_id as externalId")
    .where("uid", "=", uid)
    .executeTakeFirst();
  if (!person?.externalId) return;
  sent(
    tx,
    insertRows(tx.db, "ended_external_ids", {
      columns: ["external_id_hash", "ended_at"],
      values: [[hashOf(person.externalId), tx.clockNow]],
      conflict: { key: ["external_id_hash"], take: ["ended_at"] },
    }),
  );
}

async function refuseOwner(tx: WriteTransaction, uid: number): Promise<void> {
  const owned = await ownedRooms(tx.db, { uid, atMost: ROOMS_NAMED + 1 });
  if (owned.length === 0) return;
  const named = owned.slice(0, ROOMS_NAMED);
  const more = owned.length > ROOMS_NAMED ? " and more" : "";
  const message = `First transfer or dissolve the groups that you own: ${named.join(", ")}${more}`;
  throw new ProblemError("owner_cannot_leave", message, { extra: { roomIds: named } });
}
