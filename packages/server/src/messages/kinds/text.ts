import { LIMITS, MessageType, textSchema } from "@parley/protocol";
import { z } from "zod";
import type { MessageKind } from "./kind.ts";

const sent = z.object({ content: textSchema(1, LIMITS.textCodePoints, true) });
type Text = z.infer<typeof sent>;

/** A text that a person writes. */
export const text: MessageKind<Text, Text> = {
  type: MessageType.text,
  sent,
  store: ({ content }) => ({ content }),
  show: ({ content }, { atUidList, reply }) => ({ content, urlContentMap: {}, atUidList, reply }),
  quote: ({ content }) => content,
};
