import { LIMITS } from "@parley/protocol";
import type { ExpressionBuilder } from "kysely";
import type { Schema } from "../db/schema.ts";

/** Whether a QR code is valid, by the real clock: writes and reads must agree about it. */

/**
 * Whether it has not expired. A code from the future was made by a clock that was ahead; once the clock is right again the code is not
 * valid until then, but expired.
 */
export function isLiving({ requestedAt, expiresAt }: { requestedAt: number; expiresAt: number }, now: number): boolean {
  return expiresAt > now && requestedAt <= now + LIMITS.qrLifetimeMs;
}

/** The same as a condition of a query. */
export function livingCode(eb: ExpressionBuilder<Schema, "qr_logins">, now: number) {
  return eb.and([eb("qr_logins.expires_at", ">", now), eb("qr_logins.requested_at", "<=", now + LIMITS.qrLifetimeMs)]);
}
