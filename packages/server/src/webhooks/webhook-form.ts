import { z } from "zod";
import { randomToken } from "../lib/ids.ts";
import { TOLD_NAMES, type ToldName } from "./told-events.ts";

/** What a webhook is told in addition to the events of the log. */
export const FLEETING_NAMES = ["online", "offline"] as const;
export const WEBHOOK_EVENTS = [...TOLD_NAMES, "message.offline", ...FLEETING_NAMES] as const;
export type WebhookEvent = ToldName | "message.offline" | (typeof FLEETING_NAMES)[number];

const URL_LENGTH = 2048;

/**
 * The allowed addresses of webhooks: any http or https address, private ones too, because the product's backend usually has one of these;
 * only administrators can name it (decision 31).
 */
export const webhookUrlSchema = z
  .string()
  .max(URL_LENGTH)
  .refine(isUrl, "must be an http or https address, without a name or password in it");

function isUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.hash && !/\s/.test(text);
}

/** Null: all events, also those that later versions add. */
export const webhookEventsSchema = z.array(z.enum(WEBHOOK_EVENTS)).min(1).max(WEBHOOK_EVENTS.length).nullable();

/** A secret in the form of Standard Webhooks: 256 random bits. */
export function newWebhookSecret(): string {
  return `whsec_${Buffer.from(randomToken(256), "base64url").toString("base64")}`;
}
