import type { Ref } from "@parley/protocol";
import type { ServerKey } from "../http/server-key.ts";
import { peopleByRef } from "../identity/external-people.ts";
import { unknownIn, unknownRefs } from "../identity/unknown-refs.ts";
import type { ServerContext } from "./server-context.ts";

export interface ProductPresence {
  readonly uid: number;
  readonly externalId: string | null;
  /** 1 online, 2 offline. */
  readonly activeStatus: 1 | 2;
  readonly lastOptTime: number | null;
}

/**
 * Which of these people are online, in the order asked, and how many people are.
 * @returns `skipped`: those whom nobody knows, where that is no reason to refuse
 * @throws ProblemError `unknown_user` with the place of each
 */
export async function getPresence(
  { db, presence }: Pick<ServerContext, "db" | "presence">,
  _key: ServerKey,
  { users, skipUnknown }: { users: readonly Ref[]; skipUnknown: boolean },
): Promise<{ items: ProductPresence[]; onlineNum: number; skipped: Ref[] }> {
  const people = await peopleByRef(db, users);
  const unknown = unknownIn("users", users, (ref) => people.has(ref));
  if (unknown.length > 0 && !skipUnknown) throw unknownRefs("unknown_user", unknown);
  const items = users.flatMap((ref) => {
    const person = people.get(ref);
    if (!person) return [];
    const { uid, externalId } = person;
    const { activeStatus, lastOptTime } = presence.stateOf(uid);
    return [{ uid, externalId, activeStatus, lastOptTime }];
  });
  return { items, onlineNum: presence.count, skipped: unknown.map(({ ref }) => ref) };
}
