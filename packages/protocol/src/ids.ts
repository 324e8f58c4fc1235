import { z } from "zod";

export type { StreamName } from "./streams.ts";

const WANTED = "must be a whole number from 1";
/** What the API's document says of them beside their minimum. */
const WHOLE = { format: "int64", maximum: Number.MAX_SAFE_INTEGER };

/**
 * Ids are JSON numbers between 1 and 2^53 - 1, so that every language's double holds them exactly. They are branded at
 * compile time only: a `Uid` cannot be passed where a `RoomId` is wanted.
 */
export const idSchema = z.int(WANTED).min(1, WANTED).meta(WHOLE);

/** Whatever is counted or numbered from 0: counts, seqs, and times in epoch milliseconds. */
export const countSchema = z.int().min(0).meta(WHOLE);

/** An id that arrives as text in a path or query: in decimal digits, as JSON would write it. */
export const idParamSchema = z
  .string()
  .refine((text) => /^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(Number(text)), WANTED)
  .transform(Number);

/** Sends the server's own notices. Never signs in. */
export const SYSTEM_UID = 1;
/** The uid of the first person. */
export const FIRST_UID = 20_000;
