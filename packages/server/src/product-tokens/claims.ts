import { externalIdSchema, fittingDisplayName, pictureSchema } from "@parley/protocol";
import type { JWTPayload } from "jose";
import type { ProductTokensConfig } from "../config/product-tokens.ts";

/** What a token of the product says. Its signature, issuer, audience and times have been checked. */
export interface ProductClaims {
  readonly externalId: string;
  /** Undefined: the token names none that could be shown. */
  readonly name: string | undefined;
  /** Empty: none. */
  readonly avatar: string | undefined;
  /** What distinguishes its login from others of the same person: the product's session, if it names one. */
  readonly session: string | undefined;
  /** Epoch milliseconds; undefined: it does not say. */
  readonly issuedAt: number | undefined;
  /** The token's own time, in epoch milliseconds. */
  readonly expiresAt: number;
}

/** A token that is correctly signed but cannot be used; the message says why, for the log. */
export class ClaimsUnusable extends Error {
  override name = "ClaimsUnusable";
}

/**
 * The token's person, and what to show of them. Only the id has to be right: a name that is too long is cut, and what cannot be shown is
 * left out. @throws ClaimsUnusable
 */
export function claimsOf(payload: JWTPayload, names: ProductTokensConfig["claims"]): ProductClaims {
  const { exp, iat } = payload;
  return {
    externalId: externalIdOf(payload[names.id], names.id),
    name: fittingDisplayName(payload[names.name]),
    avatar: pictureSchema.safeParse(payload[names.avatar]).data,
    session: typeof payload.sid === "string" && payload.sid !== "" ? payload.sid : undefined,
    issuedAt: iat === undefined ? undefined : millisecondsOf(iat, "iat"),
    expiresAt: millisecondsOf(exp, "exp"),
  };
}

/** Many products have numbers as ids; they count as their digits. */
function externalIdOf(value: unknown, claim: string): string {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  const { data } = externalIdSchema.safeParse(text);
  if (data === undefined) throw new ClaimsUnusable(`"${claim}" is not an external id`);
  return data;
}

/** JSON may hold numbers that are not a moment, such as 1e999. */
function millisecondsOf(seconds: number | undefined, claim: string): number {
  const ms = Math.floor((seconds ?? Number.NaN) * 1000);
  if (!Number.isSafeInteger(ms)) throw new ClaimsUnusable(`"${claim}" is not a moment`);
  return ms;
}
