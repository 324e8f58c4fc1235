import { z } from "zod";
import { idSchema } from "./ids.ts";
import { LIMITS } from "./limits.ts";
import { MessageType } from "./message-type.ts";
import { textSchema } from "./user.ts";

export const replySchema = z.object({
  id: z.number(),
  uid: z.number(),
  username: z.string(),
  type: z.number(),
  body: z.string(),
  canCallback: z.union([z.literal(0), z.literal(1)]),
  gapCount: z.number(),
});

export const textBodySchema = z.object({
  content: z.string(),
  urlContentMap: z.record(z.string(), z.unknown()),
  atUidList: z.array(z.number()),
  reply: replySchema.nullable(),
});

/** Of `Message`. */
export const messageSchema = z.object({
  fromUser: z.object({ uid: z.number() }),
  message: z.object({
    id: z.number(),
    roomId: z.number(),
    sendTime: z.number(),
    type: z.number(),
    body: z.union([textBodySchema, z.string()]),
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

/** Body of `POST /rooms/{id}/messages`. */
export const sendSchema = z.object({
  clientId: textSchema(1, LIMITS.clientIdLength),
  type: z.literal(MessageType.text),
  body: z.object({ content: textSchema(1, LIMITS.textCodePoints, true) }),
  replyTo: idSchema.nullish(),
  mentions: z.array(idSchema).max(LIMITS.mentions).nullish(),
});

export type SendRequest = z.infer<typeof sendSchema>;
