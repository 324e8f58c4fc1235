import { randomBytes } from "node:crypto";

/** `bits` random bits from the system's generator as base64url without padding; `bits` is a multiple of 8. */
export function randomToken(bits: number): string {
  return randomBits(bits).toString("base64url");
}

/** `bits` random bits from the system's generator in hexadecimal; `bits` is a multiple of 8. */
export function randomHex(bits: number): string {
  return randomBits(bits).toString("hex");
}

function randomBits(bits: number): Buffer {
  if (bits <= 0 || bits % 8 !== 0) throw new RangeError(`bits must be a positive multiple of 8, got ${bits}`);
  return randomBytes(bits / 8);
}

const processPart = randomToken(48);
let requests = 0;

/**
 * An id for one HTTP request, unique in this process and, with overwhelming likelihood, among all: a random part per
 * process and a count. It is for finding log lines, not a secret.
 */
export function newRequestId(): string {
  requests += 1;
  return `${processPart}-${requests.toString(36)}`;
}
