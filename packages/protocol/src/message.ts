import { z } from "zod";
import { idSchema } from "./ids.ts";
import { LIMITS } from "./limits.ts";
import { textSchema } from "./user.ts";

/** Numbers of MallChat's contract. */
export const MessageType = {
  text: 1,
  recalled: 2,
  image: 3,
  file: 4,
  voice: 5,
  video: 6,
  sticker: 7,
  system: 8,
} as const;

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

/** The message object: the same in MESSAGE pushes and in HTTP replies. */
export const messageSchema = z.object({
  fromUser: z.object({ uid: z.number() }),
  message: z.object({
    /** Unique over all rooms, rising within a room. */
    id: z.number(),
    roomId: z.number(),
    sendTime: z.number(),
    type: z.number(),
    /** An object for types 1 and 3-7, the notice to show for 2 (recalled) and 8 (system). */
    body: z.union([textBodySchema, z.string()]),
    messageMark: z.object({
      likeCount: z.number(),
      userLike: z.union([z.literal(0), z.literal(1)]),
      dislikeCount: z.number(),
      userDislike: z.union([z.literal(0), z.literal(1)]),
    }),
    /** Seq of the MESSAGE event in the room's stream. */
    seq: z.number(),
    /** Counts the messages of a room that make a dot; null for the others. */
    no: z.number().nullable(),
    clientId: z.string().nullable(),
  }),
});

export type Message = z.infer<typeof messageSchema>;

/** Body of `POST /rooms/{id}/messages`. */
export const sendSchema = z.object({
  clientId: textSchema(1, LIMITS.clientIdLength),
  type: z.literal(MessageType.text),
  body: z.object({ content: textSchema(1, LIMITS.textCodePoints, true) }),
  replyTo: idSchema.nullish(),
  mentions: z.array(idSchema).max(LIMITS.mentions).nullish(),
});

export type SendRequest = z.infer<typeof sendSchema>;
