import type { Ref } from "@parley/protocol";
import { revivedError } from "../db/write-batch.ts";
import type { ServerKey } from "../http/server-key.ts";
import type { ProblemError } from "../lib/problem.ts";
import { turnOf } from "../limits/turn-of-key.ts";
import type { Sent } from "../messages/send.ts";
import { type ProductMessage, sendOfProduct } from "./send-writes.ts";
import type { ServerContext } from "./server-context.ts";

/** A message as the product's backend asks for it, checked by the schema of its route. */
export interface MessageRequest {
  readonly room?: Ref | undefined;
  /** Two people. */
  readonly direct?: readonly Ref[] | undefined;
  readonly from?: Ref | undefined;
  readonly clientId: string;
  readonly type: number;
  readonly body: object;
  readonly replyTo?: number | null | undefined;
  readonly mentions?: readonly Ref[] | "all" | null | undefined;
}

/**
 * Stores and logs one message. @throws ProblemError `unknown_user`, `unknown_room`, `own_account`, `not_member`, `client_id_reused`, and as the
 * room's rules refuse
 */
export async function sendMessage(context: ServerContext, key: ServerKey, request: MessageRequest): Promise<Sent> {
  const [outcome] = await sendMessages(context, key, [request]);
  if (outcome instanceof Error) throw outcome;
  return outcome as Sent;
}

/** Stores and logs a list of messages by one write. @returns for each, in order, the message or why it was refused */
export async function sendMessages(
  { writes, kinds, hall }: ServerContext,
  key: ServerKey,
  requests: readonly MessageRequest[],
): Promise<(Sent | ProblemError)[]> {
  const outcomes = await writes.run(sendOfProduct, {
    by: turnOf(key),
    keyId: key.id,
    hall,
    messages: requests.map((request): ProductMessage => {
      const { room, direct, from, clientId, type, replyTo, mentions } = request;
      return {
        room: room ?? null,
        direct: (direct as [Ref, Ref] | undefined) ?? null,
        from: from ?? null,
        ...{ clientId, type, stored: kinds.store(request), replyTo: replyTo ?? null, mentions: mentions ?? [] },
      };
    }),
  });
  return outcomes.map((outcome) => (outcome.ok ? outcome.sent : (revivedError(outcome.error) as ProblemError)));
}
