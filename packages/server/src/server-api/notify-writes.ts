import type { Ref } from "@parley/protocol";
import { acceptedOf, type Outcome, outcomeOf, type WriteTransaction } from "../db/transaction.ts";
import { unknownRefs } from "../identity/unknown-refs.ts";
import { type Answered, type DedupedRequest, once } from "../keys/deduped.ts";
import { type NewNotice, storeNotices } from "../notifications/new-notices.ts";
import { type Asked, recipientsOf } from "./recipients.ts";

/** A notification of the product's, with its people as the product names them. */
export interface Notify extends DedupedRequest, Asked {
  /** Whose turn at the writer it takes. */
  readonly by: string;
  readonly notice: Omit<NewNotice, "to">;
  /** How many people there are. */
  readonly everybody: number;
}

export interface Notified {
  readonly id: number;
  readonly recipients: number;
  /** Where those whom nobody knows were to be left out. */
  readonly skipped?: readonly Ref[];
}

/** Sends the notifications of all requests that wait, by set queries. Each is judged alone. */
export function notifyPeople(tx: WriteTransaction, inputs: readonly Notify[]): Promise<Outcome<Answered<Notified>>[]> {
  return once(tx, inputs, async (fresh) => {
    const meantBy = await recipientsOf(tx.db, fresh);
    const verdicts = fresh.map((input) => outcomeOf(() => accepted(input, meantBy(input))));
    const ids = await storeNotices(
      tx,
      acceptedOf(verdicts).map(({ notice }) => notice),
    );
    let next = 0;
    return verdicts.map((verdict): Outcome<Notified> => {
      if (!verdict.ok) return verdict;
      return { ok: true, value: { id: ids[next++] as number, ...verdict.value.reply } };
    });
  });
}

/** @throws ProblemError `unknown_user` where nobody is left */
function accepted(
  { notice, skipUnknown, everybody }: Notify,
  { uids, skipped }: ReturnType<Awaited<ReturnType<typeof recipientsOf>>>,
): { notice: NewNotice; reply: Omit<Notified, "id"> } {
  if (uids.length === 0) throw unknownRefs("unknown_user", skipped);
  const recipients = uids === "all" ? everybody : uids.length;
  return {
    notice: { ...notice, to: uids },
    reply: { recipients, ...(skipUnknown ? { skipped: skipped.map(({ ref }) => ref) } : {}) },
  };
}
