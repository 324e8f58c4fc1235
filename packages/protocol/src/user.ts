import { z } from "zod";

/** A person as others see him. */
export const userSchema = z.object({
  uid: z.number(),
  name: z.string(),
  avatar: z.string(),
  power: z.union([z.literal(0), z.literal(1)]),
  createdAt: z.number(),
});

export type User = z.infer<typeof userSchema>;

/** Counts what a person sees as characters: code points, not UTF-16 units. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** True for a lone surrogate, which UTF-8 and PostgreSQL cannot hold. */
function isIllFormed(text: string): boolean {
  return !text.isWellFormed();
}

/** Text of `min` to `max` code points without control characters (line breaks and tabs only where `multiline`). */
export function textSchema(min: number, max: number, multiline = false) {
  const forbidden = multiline ? /[^\P{Cc}\n\r\t]/u : /\p{Cc}/u;
  return z
    .string()
    .refine((text) => !isIllFormed(text), "must be well-formed Unicode")
    .refine((text) => !forbidden.test(text), "must not contain control characters")
    .refine((text) => codePoints(text) >= min && codePoints(text) <= max, `must have ${min} to ${max} characters`);
}
