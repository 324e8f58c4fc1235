import type { WriteTransaction } from "../db/transaction.ts";
import { NOWHERE, streamStates } from "./log-reader.ts";

/**
 * Reads the heads of streams into `tx.heads`, where `append` moves them. One query, or none if all are known. A procedure that looks up other things
 * before it logs asks for them at the same time, since that costs no further way to the database.
 */
export async function knowHeads(tx: WriteTransaction, streams: Iterable<string>): Promise<void> {
  const unknown = [...new Set(streams)].filter((stream) => !tx.heads.has(stream));
  if (unknown.length === 0) return;
  const states = await streamStates(tx.db, unknown);
  for (const stream of unknown) tx.heads.set(stream, { ...(states.get(stream)?.head ?? NOWHERE) });
}
