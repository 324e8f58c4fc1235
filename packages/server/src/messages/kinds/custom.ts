import { kindNameSchema, LIMITS, MessageType, textSchema } from "@parley/protocol";
import { z } from "zod";
import type { MessageKind } from "./kind.ts";

const sent = z.object({
  kind: kindNameSchema,
  text: textSchema(1, LIMITS.textCodePoints, true),
  data: z
    .unknown()
    .default(null)
    .refine(
      (data) => Buffer.byteLength(JSON.stringify(data)) <= LIMITS.customDataBytes,
      `must have at most ${LIMITS.customDataBytes} bytes as JSON`,
    )
    .meta({ description: `Any JSON of at most ${LIMITS.customDataBytes} bytes` }),
});
type Custom = z.infer<typeof sent>;

/** The product's own messages: `data` is for clients that know the `kind`, `text` for other clients and for quotations. */
export const custom: MessageKind<Custom, Custom> = {
  type: MessageType.custom,
  sent,
  maySend: ({ kind }, { customKinds }) => customKinds.has(kind),
  store: ({ kind, text, data }) => ({ kind, text, data }),
  show: ({ kind, text, data }, { atUidList, reply }) => ({ kind, text, data, atUidList, reply }),
  quote: ({ text }) => text,
};
