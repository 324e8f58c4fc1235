import { z } from "zod";
import { randomToken } from "../lib/ids.ts";

const PREFIX = "pl_";
const FORM = /^pl_[A-Za-z0-9_-]{43}$/;

export const tokenSchema = z.string().regex(FORM);

/** A login's token: 256 random bits behind a prefix by which scanners for leaked secrets know it. */
export function newToken(): string {
  return PREFIX + randomToken(256);
}

/** Whether a text can be a token at all; other texts need not be looked up. */
export function isTokenForm(text: string): boolean {
  return FORM.test(text);
}

/**
 * SHA-256 in hex: what is stored and looked up instead of a token or a QR secret. Unsalted, since nobody guesses that
 * many random bits. Looking it up in an index is safe: the time tells how much of a hash matches, and nobody can steer
 * that.
 */
export function hashOf(secret: string): string {
  return Bun.CryptoHasher.hash("sha256", secret, "hex");
}
