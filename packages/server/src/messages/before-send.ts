import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import type { Actor } from "../rooms/rooms.ts";
import type { SendRequest } from "./kinds/kinds.ts";
import type { MessagesContext } from "./messages-context.ts";

/**
 * Asks the product about a message before it is sent, if it wants to be asked. A message whose `clientId` was already used is not asked about: it is a repeat,
 * or is refused. @returns the request as it is to be sent
 * @throws ProblemError as `SendHook.ask` does
 */
export async function beforeSend(
  { db, kinds, sendHook }: MessagesContext,
  { uid }: Actor,
  { roomId, request }: { roomId: number; request: SendRequest },
): Promise<SendRequest> {
  if (!sendHook) return request;
  const { clientId, type, body, replyTo, mentions } = request;
  const questionOf = async () => {
    if (await wasSent(db, uid, clientId)) return undefined;
    return {
      fromUser: { uid, externalId: await externalIdOf(db, "users", uid) },
      room: { id: roomId, externalId: await externalIdOf(db, "rooms", roomId) },
      ...{ clientId, type, body, replyTo: replyTo ?? null, mentions: mentions ?? [] },
    };
  };
  const parsed = (other: object) => kinds.sendSchema.safeParse({ ...request, body: other });
  const faultOf = (other: object) => parsed(other).error?.issues[0]?.message;
  const changed = await sendHook.ask(uid, { questionOf, faultOf });
  return changed ? (parsed(changed).data as SendRequest) : request;
}

async function wasSent(db: Kysely<Schema>, uid: number, clientId: string): Promise<boolean> {
  const sent = db.selectFrom("messages").select("id").where("uid", "=", uid).where("client_id", "=", clientId);
  return (await sent.executeTakeFirst()) !== undefined;
}

async function externalIdOf(db: Kysely<Schema>, table: "users" | "rooms", id: number): Promise<string | null> {
  const row =
    table === "users"
      ? await db.selectFrom("users").select("external_id as externalId").where("uid", "=", id).executeTakeFirst()
      : await db.selectFrom("rooms").select("external_id as externalId").where("id", "=", id).executeTakeFirst();
  return row?.externalId ?? null;
}
