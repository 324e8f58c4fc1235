import { displayNameSchema, SERVER_LIMITS } from "@parley/protocol";
import { sql } from "kysely";
import { boundRows } from "../db/rows.ts";
import type { Outcome, WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { tellMade } from "./accounts-writes.ts";
import { type ProductPerson, peopleByRef } from "./external-people.ts";
import { startInHall } from "./hall-place.ts";
import { Internal, internalEvent } from "./internal-events.ts";
import { displayNameKey } from "./names.ts";
import { storeNames } from "./profile-writes.ts";

export interface PutPerson {
  /** The person or key whose turn at the writer it takes. */
  readonly by: string;
  readonly externalId: string;
  /** As `displayNameSchema` returns it. Without one the person keeps theirs; a new person gets their external id as their name. */
  readonly name?: string | undefined;
  readonly avatar?: string | undefined;
}

export interface PutResult {
  readonly created: boolean;
  /** The people after this input. */
  readonly person: ProductPerson;
}

/** A person after the inputs so far. */
interface Draft {
  /** 0 until they are stored. */
  uid: number;
  readonly externalId: string;
  name: string;
  avatar: string;
  createdAt: number;
  changed: boolean;
}

/** Makes people of the product, or changes the given fields. If nothing changes, nothing is written. Refuses nothing. */
export async function putPeople(tx: WriteTransaction, inputs: readonly PutPerson[]): Promise<Outcome<PutResult>[]> {
  const known = await peopleByRef(
    tx.db,
    inputs.map(({ externalId }) => externalId),
  );
  const drafts = new Map<string, Draft>();
  const results = inputs.map(({ externalId, name, avatar }) => {
    const found = drafts.get(externalId) ?? draftOf(known.get(externalId));
    const draft = found ?? newDraft(externalId, { name, now: tx.now });
    drafts.set(externalId, draft);
    if (name !== undefined && name !== draft.name) Object.assign(draft, { name, changed: true });
    if (avatar !== undefined && avatar !== draft.avatar) Object.assign(draft, { avatar, changed: true });
    const { name: nameNow, avatar: avatarNow } = draft;
    return { created: found === undefined, draft, name: nameNow, avatar: avatarNow };
  });
  await insert(
    tx,
    [...drafts.values()].filter(({ uid }) => uid === 0),
  );
  await update(
    tx,
    [...drafts.values()].filter(({ externalId, changed }) => changed && known.has(externalId)),
  );
  return results.map(({ created, draft, name, avatar }) => {
    const { uid, externalId, createdAt } = draft;
    return { ok: true, value: { created, person: { uid, externalId, name, avatar, createdAt } } };
  });
}

function draftOf(person: ProductPerson | undefined): Draft | undefined {
  return person && { ...person, externalId: person.externalId as string, changed: false };
}

function newDraft(externalId: string, { name, now }: { name: string | undefined; now: number }): Draft {
  return { uid: 0, externalId, name: name ?? nameAfter(externalId), avatar: "", createdAt: now, changed: false };
}

/** As much of the id as fits. */
function nameAfter(externalId: string): string {
  const cut = [...externalId].slice(0, SERVER_LIMITS.displayNameCodePoints).join("");
  return displayNameSchema.safeParse(cut).data ?? "User";
}

const GIVEN = { external_id: "text", name: "text", name_key: "text", avatar: "text" } as const;

/** Stores new people. The key of a name has the uid in it, so it comes second; until then the external id is used. */
async function insert(tx: WriteTransaction, people: readonly Draft[]): Promise<void> {
  if (people.length === 0) return;
  const now = sql.val(tx.now);
  const rows = people.map(({ externalId, name, avatar }) => [externalId, name, `EXTERNAL ${externalId}`, avatar]);
  const given = boundRows(GIVEN, rows);
  const inserted = await tx.db
    .insertInto("users")
    .columns([
      "external_id",
      "name",
      "name_key",
      "avatar",
      "power",
      "created_ip",
      "created_at",
      "updated_at",
      "last_seen_at",
    ])
    .expression((eb) =>
      eb
        .selectFrom(given.as("made"))
        .selectAll("made")
        .select([sql.val(0 as const).as("power"), sql.val("").as("created_ip")])
        .select([now.as("created_at"), now.as("updated_at"), now.as("last_seen_at")]),
    )
    .returning(["uid", "external_id as externalId"])
    .execute();
  const made = new Map(inserted.map(({ uid, externalId }) => [externalId, uid]));
  for (const person of people) person.uid = made.get(person.externalId) as number;
  await store(tx, people);
  const uids = people.map(({ uid }) => uid);
  await startInHall(tx, uids);
  await tellMade(tx, uids);
}

async function update(tx: WriteTransaction, people: readonly Draft[]): Promise<void> {
  await store(tx, people);
  await append(
    tx,
    people.map(({ uid }) => internalEvent(Internal.USER_CHANGED, { uid })),
  );
}

async function store(tx: WriteTransaction, people: readonly Draft[]): Promise<void> {
  await storeNames(
    tx,
    people.map(({ uid, name, avatar }) => ({ uid, name, key: displayNameKey(name, uid), avatar })),
  );
}
