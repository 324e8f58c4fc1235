import type { User } from "@parley/protocol";
import { isUniqueViolation } from "../db/dialect.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { Internal, internalEvent } from "../event-log/internal-events.ts";
import { ProblemError } from "../lib/problem.ts";
import { insertLogin, type MadeLogin, revokeLogins } from "./logins-writes.ts";
import { deletedKey, nameKey } from "./names.ts";
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

/** Makes an account inside another write. @throws ProblemError `name_taken` */
export async function insertUser(tx: WriteTransaction, user: NewUser): Promise<User> {
  const { name } = user;
  const { now } = tx;
  const row = await orNameTaken(
    tx.db
      .insertInto("users")
      .values({
        name,
        name_key: nameKey(name),
        avatar: "",
        power: user.power,
        password_hash: user.passwordHash,
        created_at: now,
        created_ip: user.ip,
        updated_at: now,
        last_seen_at: now,
        deleted_at: null,
      })
      .returning(USER_COLUMNS)
      .executeTakeFirstOrThrow(),
  );
  return userOf(row);
}

/** An account and its first login. @throws ProblemError `name_taken` */
export async function createAccount(
  tx: WriteTransaction,
  input: { name: string; passwordHash: string; tokenHash: string; ip: string; userAgent: string },
): Promise<MadeLogin> {
  const { uid } = await insertUser(tx, { ...input, power: 0 });
  return insertLogin(tx, { ...input, uid, via: "password" });
}

/** Changes what is given. @throws ProblemError `name_taken`, `not_found` */
export async function changeProfile(
  tx: WriteTransaction,
  input: { uid: number; name?: string; avatar?: string },
): Promise<User> {
  const { uid, name, avatar } = input;
  const row = await orNameTaken(
    tx.db
      .updateTable("users")
      .set({ updated_at: tx.now })
      .$if(name !== undefined, (query) => query.set({ name: name ?? "", name_key: nameKey(name ?? "") }))
      .$if(avatar !== undefined, (query) => query.set({ avatar: avatar ?? "" }))
      .where("uid", "=", uid)
      .where("deleted_at", "is", null)
      .returning(USER_COLUMNS)
      .executeTakeFirst(),
  );
  if (!row) throw new ProblemError("not_found");
  await append(tx, [internalEvent(Internal.USER_CHANGED, { uid })]);
  return userOf(row);
}

/**
 * Ends an account: nobody can sign in to it, its name is free, and nothing personal stays in its row. The row itself
 * stays, since messages name it. Calling it again does nothing.
 * @throws ProblemError `owner_cannot_leave` while he owns groups, which nobody could hand over or dissolve any more
 */
export async function deleteAccount(tx: WriteTransaction, { uid }: { uid: number }): Promise<void> {
  await refuseOwner(tx, uid);
  const row = await tx.db
    .updateTable("users")
    .set({
      name: "Deleted user",
      name_key: deletedKey(uid),
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
  await revokeLogins(tx, { uid });
  await append(tx, [internalEvent(Internal.USER_CHANGED, { uid })]);
}

/** By his memberships, which have an index; an owner is always a member. */
async function refuseOwner(tx: WriteTransaction, uid: number): Promise<void> {
  const owned = await tx.db
    .selectFrom("members")
    .innerJoin("rooms", "rooms.id", "members.room_id")
    .select("rooms.id")
    .where("members.uid", "=", uid)
    .where("rooms.owner_uid", "=", uid)
    .where("rooms.dissolved_at", "is", null)
    .orderBy("rooms.id")
    .limit(ROOMS_NAMED + 1)
    .execute();
  if (owned.length === 0) return;
  const named = owned.slice(0, ROOMS_NAMED).map(({ id }) => id);
  const more = owned.length > ROOMS_NAMED ? " and more" : "";
  const message = `Hand over or dissolve the groups you own first: ${named.join(", ")}${more}`;
  throw new ProblemError("owner_cannot_leave", message, { extra: { roomIds: named } });
}

async function orNameTaken<T>(query: Promise<T>): Promise<T> {
  try {
    return await query;
  } catch (error) {
    if (isUniqueViolation(error)) throw new ProblemError("name_taken");
    throw error;
  }
}
