import { z } from "zod";
import { countSchema, idSchema } from "./ids.ts";
import { LIMITS } from "./limits.ts";
import { kindNameSchema } from "./message.ts";
import { SERVER_LIMITS } from "./server-limits.ts";
import { shownTextSchema, textSchema } from "./user.ts";

const LINK = /^(https?:\/\/[^\s"'<>\\]+|\/([^/\s"'<>\\][^\s"'<>\\]*)?)$/u;

/** Where a notification leads: anything else, such as `javascript:`, would be run where it is shown. */
export const linkSchema = z
  .string()
  .max(SERVER_LIMITS.linkLength)
  .refine(
    (text) => LINK.test(text) && !/[\p{Cc}\p{Cf}]/u.test(text) && URL.canParse(text, "https://localhost"),
    "must be an http or https URL, or a path that begins with one slash",
  )
  .refine((text) => text.isWellFormed(), "must be well-formed Unicode")
  .meta({ pattern: LINK.source });

/** JSON of the product's own, such as the `data` of a notification. */
export const productDataSchema = z
  .unknown()
  .refine((data) => data !== undefined, "is required")
  .refine(
    (data) => data === undefined || new TextEncoder().encode(JSON.stringify(data)).length <= LIMITS.customDataBytes,
    `must have at most ${LIMITS.customDataBytes} bytes as JSON`,
  )
  .meta({ description: `Any JSON of at most ${LIMITS.customDataBytes} bytes` });

/** What the product says in a notification. */
export const notificationTitleSchema = textSchema(1, SERVER_LIMITS.titleCodePoints);
export const notificationTextSchema = textSchema(0, SERVER_LIMITS.noticeCodePoints, true);

/** A name that the product gives: to a request (`dedupeKey`), to what takes each other's place (`collapseKey`), or to what a notification is about (`key`). */
export const productKeySchema = textSchema(1, SERVER_LIMITS.keyCodePoints);

/** In an address these mean a part above, so nothing that an address names may be called so. */
const isInAddresses = (name: string) => name !== "." && name !== "..";
const NOT_IN_ADDRESSES = "must not be . or ..";

/** What the product calls a matter: the kind and the key by which it settles it and takes it back. */
export const matterKeySchema = productKeySchema.refine(isInAddresses, NOT_IN_ADDRESSES);
export const noticeKindSchema = kindNameSchema.refine(isInAddresses, NOT_IN_ADDRESSES);

/** A notification in lists, as a person has it. */
export const notificationSchema = z.object({
  id: idSchema,
  kind: kindNameSchema,
  title: shownTextSchema(1, SERVER_LIMITS.titleCodePoints),
  text: shownTextSchema(0, SERVER_LIMITS.noticeCodePoints),
  link: z.string().max(SERVER_LIMITS.linkLength).nullable(),
  data: z.unknown().refine((data): boolean => data !== undefined, "is required"),
  at: countSchema,
  expiresAt: countSchema,
  seen: z.boolean(),
  read: z.boolean(),
  archived: z.boolean(),
  done: z.boolean(),
});
