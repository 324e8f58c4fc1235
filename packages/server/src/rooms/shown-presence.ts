import { ActiveStatus } from "@parley/protocol";
import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import type { Presence, ShownState } from "../presence/presence.ts";
import { hiddenFrom } from "../ties/ties.ts";

/** The states of people as one person may see them: if one of two people has blocked the other, they are offline to each other. At most one query. */
export async function statesFor(
  { db, presence }: { db: Kysely<Schema>; presence: Pick<Presence, "stateOf"> },
  uid: number,
  others: readonly number[],
): Promise<(other: number) => ShownState> {
  const hidden = await hiddenFrom(
    db,
    uid,
    others.filter((other) => other !== uid),
  );
  return (other) => {
    const lastOptTime = hidden.get(other);
    if (lastOptTime === undefined) return presence.stateOf(other);
    return { ...offline(other), lastOptTime };
  };
}

/** Somebody of whom nothing is shown. */
export function offline(uid: number): ShownState {
  return { uid, activeStatus: ActiveStatus.offline, lastOptTime: null };
}
