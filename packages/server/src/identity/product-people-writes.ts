import type { Outcome, WriteTransaction } from "../db/transaction.ts";
import { putPeople } from "./external-people-writes.ts";
import { isEnded, knowsBetter, standingsOf, type TokenSays } from "./product-people.ts";

export interface FollowedToken extends TokenSays {
  readonly externalId: string;
}

/**
 * Makes people whom one of the product's own tokens names for the first time, and gives people the names and pictures in newer tokens.
 * Refuses nothing: a token that no longer signs anybody in changes nothing, and its caller looks again.
 */
export async function followProductTokens(
  tx: WriteTransaction,
  inputs: readonly FollowedToken[],
): Promise<Outcome<void>[]> {
  const standings = await standingsOf(
    tx.db,
    inputs.map(({ externalId }) => externalId),
  );
  const counting = inputs.filter((input) => {
    const standing = standings.get(input.externalId);
    if (!standing || isEnded(standing, input)) return false;
    return standing.person === undefined || knowsBetter(input, standing.person, tx.now);
  });
  // Of several tokens of one person the newest decides.
  counting.sort((one, other) => (one.issuedAt ?? 0) - (other.issuedAt ?? 0));
  await putPeople(
    tx,
    counting.map(({ externalId, name, avatar }) => ({ by: externalId, externalId, name, avatar })),
  );
  return inputs.map(() => ({ ok: true, value: undefined }));
}
