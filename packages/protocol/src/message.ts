import { z } from "zod";
import { countSchema, idSchema } from "./ids.ts";
import { LIMITS } from "./limits.ts";
import { shownTextSchema, textSchema, userSchema } from "./user.ts";

/** Characters of the `kind` of one of the product's own messages. */
export const KIND_LENGTH = 64;

/** Numbers of MallChat's contract, and 100. */
const typeSchema = z.int().min(1).max(100);
const shownText = shownTextSchema(0, LIMITS.textCodePoints);
/** 0 stands for everybody. */
const atUidList = z.array(countSchema).max(LIMITS.mentions);

const replySchema = z.object({
  id: idSchema,
  uid: idSchema,
  username: userSchema.shape.name,
  type: typeSchema,
  body: shownText,
  canCallback: z.union([z.literal(0), z.literal(1)]),
  gapCount: countSchema,
});

const textBodySchema = z.object({
  content: shownText,
  urlContentMap: z.record(z.string(), z.unknown()),
  atUidList,
  reply: replySchema.nullable(),
});

const customBodySchema = z.object({
  kind: z.string().min(1).max(KIND_LENGTH),
  text: shownText,
  data: z.unknown().refine((data): boolean => data !== undefined, "is required"),
  atUidList,
  reply: replySchema.nullable(),
});

/** Of `MessageMark`. */
export const messageMarkSchema = z.object({
  likeCount: countSchema,
  userLike: z.union([z.literal(0), z.literal(1)]),
  dislikeCount: countSchema,
  userDislike: z.union([z.literal(0), z.literal(1)]),
});

/** Of `MessageFields`. */
const fieldsSchema = z.object({
  id: idSchema,
  roomId: idSchema,
  sendTime: countSchema,
  messageMark: messageMarkSchema,
  seq: countSchema,
  no: countSchema.nullable(),
  clientId: z.string().min(1).max(LIMITS.clientIdLength).nullable(),
});

/** Of `Message`: one choice for each of `ShownBodies`. */
export const messageSchema = z.object({
  fromUser: z.object({ uid: idSchema }),
  message: z.discriminatedUnion("type", [
    fieldsSchema.extend({ type: z.literal(1), body: textBodySchema }),
    fieldsSchema.extend({ type: z.literal(2), body: shownText }),
    fieldsSchema.extend({ type: z.literal(8), body: shownText }),
    fieldsSchema.extend({ type: z.literal(100), body: customBodySchema }),
  ]),
});

/** The fields of the body of `POST /rooms/{id}/messages` apart from `type` and `body`, which each kind of message defines. */
export const sendBaseSchema = z.object({
  clientId: textSchema(1, LIMITS.clientIdLength),
  replyTo: idSchema.nullish(),
  mentions: z
    .union([z.array(idSchema).max(LIMITS.mentions), z.literal("all")], 'must be a list of user ids, or "all"')
    .nullish(),
});

/** A name that a product chooses, such as the `kind` of its own messages. */
export const kindNameSchema = z
  .string()
  .regex(
    new RegExp(`^[a-z0-9_.-]{1,${KIND_LENGTH}}$`),
    `must have 1 to ${KIND_LENGTH} of the characters a-z, 0-9, _, . and -`,
  )
  .meta({ maxLength: KIND_LENGTH });
