import { ActiveStatus } from "@parley/protocol";
import { readSnapshot } from "../event-log/snapshot.ts";
import { cut } from "../rooms/page.ts";
import type { Actor } from "../rooms/rooms.ts";
import * as procedures from "./block-writes.ts";
import type { ContactsContext } from "./contacts-context.ts";

export interface BlockedView {
  readonly uid: number;
  readonly name: string;
  readonly avatar: string;
}

/** The people whom the actor has blocked, by uid. `after`: the last uid of the page before. */
export function listBlocks(
  context: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  { after, limit }: { after: number | undefined; limit: number },
): Promise<{ items: BlockedView[]; nextCursor: string | null; asOf: string }> {
  return readSnapshot(context, async ({ db, asOf }) => {
    const rows = await db
      .selectFrom("blocks")
      .innerJoin("users", "users.uid", "blocks.blocked_uid")
      .select(["users.uid", "users.name", "users.avatar"])
      .where("blocks.uid", "=", uid)
      .where("blocks.blocked_uid", ">", after ?? 0)
      .orderBy("blocks.blocked_uid")
      .limit(limit + 1)
      .execute();
    return { ...cut(rows, limit, (last) => last.uid), asOf };
  });
}

/** Keeps what somebody does from the actor; they do not learn of it. @throws ProblemError `own_account`, `unknown_user`, `too_many_blocks`, `rate_limited` */
export async function block(
  { writes, rates, presence, clock }: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  blockedUid: number,
): Promise<void> {
  rates.contactChanges.take(uid);
  const { activeStatus, lastOptTime } = presence.stateOf(uid);
  const lastSeenAt = activeStatus === ActiveStatus.online ? clock.now() : lastOptTime;
  return writes.run(procedures.block, { uid, blockedUid, lastSeenAt });
}

/** Ends a block; where there is none nothing changes. @throws ProblemError `rate_limited`, `overloaded` */
export async function unblock(
  { writes, rates }: ContactsContext,
  { uid }: Pick<Actor, "uid">,
  blockedUid: number,
): Promise<void> {
  rates.contactChanges.take(uid);
  return writes.run(procedures.unblock, { uid, blockedUid });
}
