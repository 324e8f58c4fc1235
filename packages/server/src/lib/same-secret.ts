import { createHash, timingSafeEqual } from "node:crypto";

/** Compares two secrets in a time that depends on neither; both are hashed first, so that the length stays hidden too. */
export function sameSecret(given: string, expected: string): boolean {
  const a = createHash("sha256").update(given).digest();
  const b = createHash("sha256").update(expected).digest();
  return timingSafeEqual(a, b);
}
