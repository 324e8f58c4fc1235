import type { Message } from "@parley/protocol";
import { loadConfig } from "../src/config/config.ts";
import { createContext } from "../src/context.ts";
import { systemClock } from "../src/lib/clock.ts";
import { sendMessage } from "../src/messages/message-actions.ts";
import type { Person, TestServer } from "./harness.ts";

/** Sends a text that only its sender may see, through the action, on the database of a running server: no route does this. */
export async function sendHidden(
  server: TestServer,
  { uid }: Person,
  { roomId, content, ...more }: { roomId: number; content: string; replyTo?: number },
): Promise<Message> {
  const { config } = loadConfig({ RATE_LIMITS: "off" });
  const { db, epoch, writes } = server.storage;
  const context = createContext({ config, db, epoch, writes, clock: systemClock });
  const request = { clientId: crypto.randomUUID(), type: 1, body: { content }, ...more };
  const sent = await sendMessage(context, { uid, power: 0 }, { roomId, request, visibleTo: "sender" });
  return JSON.parse(sent.text) as Message;
}
