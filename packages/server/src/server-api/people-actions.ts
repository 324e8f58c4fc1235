import type { Ref } from "@parley/protocol";
import type { ServerKey } from "../http/server-key.ts";
import { deleteAccount } from "../identity/accounts-writes.ts";
import { type ProductPerson, peopleByRef } from "../identity/external-people.ts";
import * as people from "../identity/external-people-writes.ts";
import { createLogin, revokeAllLogins } from "../identity/logins-writes.ts";
import { nameSchema } from "../identity/names.ts";
import { noSuch } from "../identity/no-such.ts";
import { changeProfile } from "../identity/profile-writes.ts";
import { hashOf, newToken } from "../identity/tokens.ts";
import { ProblemError } from "../lib/problem.ts";
import { turnOf } from "../limits/turn-of-key.ts";
import { giveUpRooms } from "../rooms/ownerless-writes.ts";
import type { ServerContext } from "./server-context.ts";

/** What the product's backend does with its people. */

/** Each gives up a hundred groups, of the at most 5 000 that somebody is in; others may give them more meanwhile. */
const TRIES = 100;

export interface PersonFields {
  readonly name?: string | undefined;
  readonly avatar?: string | undefined;
}

/** @throws ProblemError `not_found` */
export async function getPerson({ db }: Pick<ServerContext, "db">, _key: ServerKey, ref: Ref): Promise<ProductPerson> {
  const person = (await peopleByRef(db, [ref])).get(ref);
  if (!person) throw noSuch("user", ref);
  return person;
}

/**
 * Makes the person with this external id, or changes what is given of them. By an id of ours nobody is made; people who made their
 * account here keep a name that signs in.
 * @throws ProblemError `not_found`, `administrator_protected`; `name_taken` and `invalid` for such a name
 */
export async function putPerson(
  context: ServerContext,
  key: ServerKey,
  { ref, ...fields }: PersonFields & { ref: Ref },
): Promise<people.PutResult> {
  if (typeof ref === "string") return put(context, key, { externalId: ref, ...fields });
  const found = await personInReach(context, key, ref);
  if (found.externalId !== null) return put(context, key, { externalId: found.externalId, ...fields });
  const { name, avatar } = fields;
  if (name !== undefined) checkName(name);
  const changes = { ...(name === undefined ? {} : { name }), ...(avatar === undefined ? {} : { avatar }) };
  const now = await context.writes.run(changeProfile, { uid: found.uid, by: turnOf(key), ...changes });
  return { created: false, person: { ...found, name: now.name, avatar: now.avatar } };
}

function put({ writes }: ServerContext, key: ServerKey, fields: PersonFields & { externalId: string }) {
  return writes.run(people.putPeople, { by: turnOf(key), ...fields });
}

/** A name that signs in is shorter than one that is shown only. */
function checkName(name: string): void {
  const { error } = nameSchema.safeParse(name);
  const message = error?.issues[0]?.message;
  if (message === undefined) return;
  throw new ProblemError("invalid", `name: ${message}`, { extra: { errors: [{ path: "name", message }] } });
}

/**
 * Ends a person's account at once and for good: their logins end, and groups that they own go on without an owner. Somebody who is
 * not there is gone already. @throws ProblemError `administrator_protected`, `overloaded`
 */
export async function deletePerson(context: ServerContext, key: ServerKey, ref: Ref): Promise<void> {
  const { db, writes } = context;
  const person = (await peopleByRef(db, [ref])).get(ref);
  if (!person) return;
  await checkInReach(context, person);
  const { uid } = person;
  const by = turnOf(key);
  // From here on they make no further groups.
  await writes.run(revokeAllLogins, { uid, by });
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      return await writes.run(deleteAccount, { uid, by });
    } catch (error) {
      if (!(error instanceof ProblemError && error.code === "owner_cannot_leave")) throw error;
      await writes.run(giveUpRooms, { uid, by });
    }
  }
  throw new ProblemError("overloaded", undefined, { retryAfterMs: 1000 });
}

/**
 * A token for one of the person's devices, which ends by itself.
 * @throws ProblemError `not_found`, `administrator_protected`, `account_disabled`, `banned`
 */
export async function makeToken(
  context: ServerContext,
  key: ServerKey,
  { ref, ttlSeconds }: { ref: Ref; ttlSeconds: number },
): Promise<{ token: string; expiresAt: number }> {
  const { uid } = await personInReach(context, key, ref);
  const token = newToken();
  const login = { uid, tokenHash: hashOf(token), ip: "", userAgent: "", via: "server" as const, by: turnOf(key) };
  const { expiresAt } = await context.writes.run(createLogin, { ...login, lifetimeMs: ttlSeconds * 1000 });
  return { token, expiresAt };
}

/** Signs the person out everywhere. @throws ProblemError `not_found`, `administrator_protected` */
export async function endLogins(context: ServerContext, key: ServerKey, ref: Ref): Promise<void> {
  const { uid } = await personInReach(context, key, ref);
  await context.writes.run(revokeAllLogins, { uid, by: turnOf(key) });
}

/** Somebody whom the product may change and sign in. @throws ProblemError `not_found`, `administrator_protected` */
async function personInReach(context: Pick<ServerContext, "db">, key: ServerKey, ref: Ref): Promise<ProductPerson> {
  const person = await getPerson(context, key, ref);
  await checkInReach(context, person);
  return person;
}

/**
 * An administrator who made their account here is out of every key's reach: a key that signs them in, or takes their account away, would be one for
 * everything, whatever its scopes. One of the product's own people is the product's to sign in, also where an operator has given them power.
 */
async function checkInReach({ db }: Pick<ServerContext, "db">, { uid, externalId }: ProductPerson): Promise<void> {
  if (externalId !== null) return;
  const row = await db.selectFrom("users").select("power").where("uid", "=", uid).executeTakeFirst();
  if (row?.power !== 1) return;
  throw new ProblemError("administrator_protected", "This administrator is not one of the product's people");
}
