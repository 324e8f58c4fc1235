import type { Ref } from "@parley/protocol";
import type { ServerKey } from "../http/server-key.ts";
import { peopleByRef } from "../identity/external-people.ts";
import { ProblemError } from "../lib/problem.ts";
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
  const errors = users.flatMap((ref, index) =>
    people.has(ref) ? [] : [{ path: `users.${index}`, message: `is nobody: ${JSON.stringify(ref)}` }],
  );
  if (errors.length > 0 && !skipUnknown) throw new ProblemError("unknown_user", undefined, { extra: { errors } });
  const items = users.flatMap((ref) => {
    const person = people.get(ref);
    if (!person) return [];
    const { uid, externalId } = person;
    const { activeStatus, lastOptTime } = presence.stateOf(uid);
    return [{ uid, externalId, activeStatus, lastOptTime }];
  });
  return { items, onlineNum: presence.count, skipped: users.filter((ref) => !people.has(ref)) };
}
