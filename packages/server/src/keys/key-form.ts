import { SERVER_SCOPES } from "@parley/protocol";
import { z } from "zod";
import { randomToken } from "../lib/ids.ts";

/** The prefix by which scanners for leaked secrets recognize a server key, and this server recognizes a misplaced one. */
export const KEY_PREFIX = "ps_";
const FORM = /^ps_[A-Za-z0-9_-]{43}$/;

/** A server key: 256 random bits. */
export function newKey(): string {
  return KEY_PREFIX + randomToken(256);
}

/** Whether a text can be a server key at all; other texts need not be looked up. */
export function isKeyForm(text: string): boolean {
  return FORM.test(text);
}

/** Appears in log lines and as a label of metrics, so it is plain. */
export const keyNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, "must have 1 to 64 of the characters A-Z, a-z, 0-9, _, . and -");

export const scopesSchema = z.array(z.enum(SERVER_SCOPES)).min(1);

/** The highest rate that can be set for a key, in requests a second. */
const RATE_MAX = 1_000_000;

export const keyRateSchema = z.int("must be a whole number").min(1).max(RATE_MAX);
