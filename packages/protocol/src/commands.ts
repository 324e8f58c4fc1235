import { z } from "zod";
import { idSchema } from "./ids.ts";
import { LIMITS } from "./limits.ts";

/** `data` of AUTHORIZE, as an object or as the same in JSON text (MallChat's frame type declares a string). */
export const authorizeSchema = z.preprocess(
  (data) => {
    if (typeof data !== "string") return data;
    try {
      return JSON.parse(data);
    } catch {
      return data;
    }
  },
  z.object({ token: z.string().min(1).max(LIMITS.tokenLength) }),
);

/**
 * `data` of RESUME. `cursor`: what the client has; null or absent: start live from READY's cursor. `max`: how many events behind, in one
 * stream and in all, the client accepts instead of RESYNC `far`.
 */
export const resumeSchema = z.object({
  cursor: z.string().nullish(),
  max: z.int().min(1).max(LIMITS.farMax).optional(),
});

export const typingSchema = z.object({ roomId: idSchema });

/** The envelope of every inbound frame. Unknown fields are ignored. */
export const commandFrameSchema = z.object({ type: z.int(), data: z.unknown().optional() });
