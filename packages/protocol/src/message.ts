import { z } from "zod";
import { idSchema } from "./ids.ts";
import { LIMITS } from "./limits.ts";
import type { ShownBodies } from "./message-type.ts";
import { textSchema } from "./user.ts";

const replySchema = z.object({
  id: z.number(),
  uid: z.number(),
  username: z.string(),
  type: z.number(),
  body: z.string(),
  canCallback: z.union([z.literal(0), z.literal(1)]),
  gapCount: z.number(),
});

const textBodySchema = z.object({
  content: z.string(),
  urlContentMap: z.record(z.string(), z.unknown()),
  atUidList: z.array(z.number()),
  reply: replySchema.nullable(),
});

const customBodySchema = z.object({
  kind: z.string(),
  text: z.string(),
  data: z.unknown().refine((data): boolean => data !== undefined, "is required"),
  atUidList: z.array(z.number()),
  reply: replySchema.nullable(),
});

/** Of `ShownBodies`: the compiler demands one for each. */
const shownBodySchemas = { text: textBodySchema, custom: customBodySchema, notice: z.string() } satisfies {
  [Name in keyof ShownBodies]: z.ZodType<ShownBodies[Name]>;
};
type ShownBodySchema = (typeof shownBodySchemas)[keyof ShownBodies];

/** Of `Message`. */
export const messageSchema = z.object({
  fromUser: z.object({ uid: z.number() }),
  message: z.object({
    id: z.number(),
    roomId: z.number(),
    sendTime: z.number(),
    type: z.number(),
    body: z.union(Object.values(shownBodySchemas) as [ShownBodySchema]),
    messageMark: z.object({
      likeCount: z.number(),
      userLike: z.union([z.literal(0), z.literal(1)]),
      dislikeCount: z.number(),
      userDislike: z.union([z.literal(0), z.literal(1)]),
    }),
    seq: z.number(),
    no: z.number().nullable(),
    clientId: z.string().nullable(),
  }),
});

/** What the body of `POST /rooms/{id}/messages` has beside `type` and `body`, which each kind of message has of its own. */
export const sendBaseSchema = z.object({
  clientId: textSchema(1, LIMITS.clientIdLength),
  replyTo: idSchema.nullish(),
  mentions: z.array(idSchema).max(LIMITS.mentions).nullish(),
});

/** A name that a product chooses, such as the `kind` of its own messages. */
export const kindNameSchema = z
  .string()
  .regex(/^[a-z0-9_.-]{1,64}$/, "must have 1 to 64 of the characters a-z, 0-9, _, . and -");
