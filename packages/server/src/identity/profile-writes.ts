import type { User } from "@parley/protocol";
import { sql } from "kysely";
import { boundRows, numberList } from "../db/rows.ts";
import { acceptedOf, type Outcome, outcomeOf, sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { holdersOf } from "./accounts-writes.ts";
import { Internal, internalEvent } from "./internal-events.ts";
import { forgetLooks, type HeldLooks, heldLooks, storeLooks } from "./name-looks.ts";
import { displayNameKey, isReserved, nameKey, nameLooks } from "./names.ts";
import { USER_COLUMNS, userOf } from "./users.ts";

export interface ProfileChange {
  readonly uid: number;
  /** Whose turn at the writer it takes, if not the person's. */
  readonly by?: string;
  readonly name?: string;
  readonly avatar?: string;
}

type Profile = User & {
  readonly key: string;
  /** For a person whom the product named: the name is only shown, so others may have it too. */
  readonly isDisplayName: boolean;
};

/** What a batch of changes has to know, including the changes that were judged so far. */
interface Known {
  /** People who are there, by uid. */
  readonly profiles: Map<number, Profile>;
  /** Whose a name is, by its key. */
  readonly holders: Map<string, number>;
  readonly held: HeldLooks;
}

/** Changes the given fields. Refused: `not_found`, `name_taken`; a name that is given up is free for the next person. */
export async function changeProfile(tx: WriteTransaction, inputs: readonly ProfileChange[]): Promise<Outcome<User>[]> {
  const renamed = inputs.filter(({ name }) => name !== undefined);
  const names = renamed.map(({ name }) => name as string);
  const known: Known = {
    profiles: await profilesOf(tx, inputs),
    holders: await holdersOf(tx, names.map(nameKey)),
    held: await heldLooks(tx, { names, uids: renamed.map(({ uid }) => uid) }),
  };
  const outcomes = inputs.map((input) => outcomeOf(() => changed(known, input)));
  const accepted = acceptedOf(outcomes);
  const uids = new Set(accepted.map(({ uid }) => uid));
  await store(
    tx,
    [...uids].map((uid) => known.profiles.get(uid) as Profile),
  );
  const newNames = new Set(renamed.map(({ uid }) => uid));
  const withNewName = [...uids]
    .map((uid) => known.profiles.get(uid) as Profile)
    .filter(({ uid, isDisplayName }) => newNames.has(uid) && !isDisplayName);
  await forgetLooks(
    tx,
    withNewName.map(({ uid }) => uid),
  );
  await storeLooks(tx, withNewName);
  await append(
    tx,
    accepted.map(({ uid }) => internalEvent(Internal.USER_CHANGED, { uid })),
  );
  return outcomes;
}

async function profilesOf(tx: WriteTransaction, inputs: readonly ProfileChange[]): Promise<Map<number, Profile>> {
  const rows = await tx.db
    .selectFrom("users")
    .select([...USER_COLUMNS, "name_key as key", "external_id"])
    .where("uid", "in", numberList(inputs.map(({ uid }) => uid)))
    .where("deleted_at", "is", null)
    .execute();
  return new Map(
    rows.map((row) => [row.uid, { ...userOf(row), key: row.key, isDisplayName: row.external_id !== null }]),
  );
}

/** Makes the change in what is known; nothing is read or stored. @throws ProblemError */
function changed(known: Known, { uid, name, avatar }: ProfileChange): User {
  const { profiles, holders } = known;
  const before = profiles.get(uid);
  if (!before) throw new ProblemError("not_found");
  if (before.isDisplayName) return shown(known, before, { name, avatar });
  const key = name === undefined ? before.key : nameKey(name);
  const holder = holders.get(key) ?? uid;
  if (holder !== uid || (name !== undefined && looksLikeAnother(known, uid, name)))
    throw new ProblemError("name_taken");
  if (name !== undefined) known.held.give(uid, nameLooks(name));
  if (holders.get(before.key) === uid) holders.delete(before.key);
  holders.set(key, uid);
  const after = { ...before, key, name: name ?? before.name, avatar: avatar ?? before.avatar };
  profiles.set(uid, after);
  return asUser(after);
}

/** The same for a display name, which others may have too. */
function shown(
  known: Known,
  before: Profile,
  { name, avatar }: { name: string | undefined; avatar: string | undefined },
): User {
  const key = name === undefined ? before.key : displayNameKey(name, before.uid);
  const after = { ...before, key, name: name ?? before.name, avatar: avatar ?? before.avatar };
  known.profiles.set(before.uid, after);
  return asUser(after);
}

function asUser({ key: _, isDisplayName: __, ...user }: Profile): User {
  return user;
}

function looksLikeAnother({ held }: Known, uid: number, name: string): boolean {
  return isReserved(name) || held.isTaken(nameLooks(name), uid);
}

/** All names are given up before any is taken, since one may go from one person to another. */
async function store(tx: WriteTransaction, profiles: readonly Profile[]): Promise<void> {
  if (profiles.length === 0) return;
  const uids = profiles.map(({ uid }) => uid);
  sent(
    tx,
    tx.db
      .updateTable("users")
      .set({ name_key: sql`'CHANGING ' || uid` })
      .where("uid", "in", numberList(uids))
      .execute(),
  );
  await storeNames(tx, profiles);
}

/** Writes names, with the keys and looks by which they are compared, and pictures. No two of the keys may be equal, nor equal to what somebody else has. */
export async function storeNames(
  tx: WriteTransaction,
  people: readonly Pick<Profile, "uid" | "name" | "key" | "avatar">[],
): Promise<void> {
  if (people.length === 0) return;
  const rows = boundRows(
    { uid: "number", name: "text", key: "text", avatar: "text" },
    people.map(({ uid, name, key, avatar }) => [uid, name, key, avatar]),
  );
  sent(
    tx,
    tx.db
      .updateTable("users")
      .from(rows.as("changed"))
      .set((eb) => ({
        name: eb.ref("changed.name"),
        name_key: eb.ref("changed.key"),
        avatar: eb.ref("changed.avatar"),
        updated_at: tx.now,
      }))
      .whereRef("users.uid", "=", "changed.uid")
      .execute(),
  );
}
