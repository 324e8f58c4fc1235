import { type AdminActor, acting, countAct } from "../identity/administrator.ts";
import { addKey, revokeKey, type WantedKey } from "../keys/key-actions.ts";
import type { AdminContext } from "./admin-context.ts";

/** What `parley key` does, for an administrator who is somewhere else. */

/** @returns the key, which is shown only here. @throws ProblemError `invalid`, `name_taken`, `too_many_keys`, `rate_limited` */
export async function makeKey(
  context: AdminContext,
  actor: AdminActor,
  wish: WantedKey,
): Promise<{ id: number; key: string }> {
  countAct(context, actor);
  return addKey(context, wish, acting(actor));
}

/** @throws ProblemError `not_found`, `rate_limited` */
export async function endKey(context: AdminContext, actor: AdminActor, id: number): Promise<void> {
  countAct(context, actor);
  await revokeKey(context, id, acting(actor));
}
