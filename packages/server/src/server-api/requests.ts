import { z } from "@hono/zod-openapi";
import { productKeySchema, SERVER_LIMITS } from "@parley/protocol";
import { ref } from "./refs.ts";

/** What requests for notifications and for events have in common. */

const users = z
  .array(ref)
  .min(1)
  .max(SERVER_LIMITS.recipients)
  .optional()
  .openapi({ example: ["42"] });
const rooms = z
  .array(ref)
  .min(1)
  .max(SERVER_LIMITS.recipientRooms)
  .optional()
  .openapi({ example: ["order-7"] });
const all = z.literal(true).optional().openapi({ description: "Everybody" });

const isOne = (to: object) => Object.values(to).filter((given) => given !== undefined).length === 1;

export const toPeople = z.strictObject({ users, all }).refine(isOne, "give either users or all");
export const toAnybody = z.strictObject({ users, rooms, all }).refine(isOne, "give one of users, rooms and all");

export const dedupeKey = productKeySchema.clone().optional().openapi({
  description: "The same request again within 24 hours is answered with the first reply; unique for the key",
});
export const ttl = z
  .int()
  .min(1)
  .max(SERVER_LIMITS.ttlSecondsMax)
  .optional()
  .openapi({ description: "Seconds until it expires" });
