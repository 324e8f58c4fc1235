/**
 * The tokens (JWT) by which the product signs its own people in: where its keys are, whether a token is right, and what it says.
 *
 * - One algorithm, one issuer, one audience, all of them from the settings; what a token says about its algorithm or key decides nothing.
 * - Nothing of a token is believed, or written to the log, before its signature is right. Nothing longer than 4 KiB is read. - It knows no
 *   people and no logins: `identity/product-logins.ts` makes those from the claims.
 */
import { decodeProtectedHeader, errors, jwtVerify } from "jose";
import type { ProductTokensConfig } from "../config/product-tokens.ts";
import type { Clock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import { TooManyWaiting, Turns } from "../lib/turns.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { CAPS } from "../limits/caps.ts";
import { SIZES } from "../limits/sizes.ts";
import type { Logger } from "../ops/logger.ts";
import { ClaimsUnusable, claimsOf, type ProductClaims } from "./claims.ts";
import type { TokenKeys } from "./token-keys.ts";

/** How much the product's clock may differ from this one, in either direction. */
export const SKEW_MS = 30_000;
/** At most one log line for refusals in this time; anybody can send wrong tokens. */
const TOLD_EVERY_MS = 10_000;

const FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Whether a text can be such a token at all. */
export function isProductTokenForm(text: string): boolean {
  return text.length <= SIZES.productToken.count && FORM.test(text);
}

export interface ProductTokensParts {
  readonly settings: ProductTokensConfig;
  readonly keys: TokenKeys;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onVerified?: (result: "accepted" | "refused") => void;
}

/** Checks tokens, a few at once, because each costs up to a millisecond of work that anybody can cause. */
export class ProductTokens {
  readonly #parts: ProductTokensParts;
  readonly #turns = new Turns({ atOnce: CAPS.tokensAtOnce.count, waitingMax: CAPS.tokensWaiting.count });
  #refused = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(parts: ProductTokensParts) {
    this.#parts = parts;
  }

  /**
   * What a token says; undefined for one that is not right, or not yet or no longer valid.
   * @throws ProblemError `overloaded` when too many wait, or the keys cannot be read
   */
  async verify(token: string): Promise<ProductClaims | undefined> {
    if (!isProductTokenForm(token)) return undefined;
    try {
      const claims = await this.#verified(token);
      this.#parts.onVerified?.("accepted");
      return claims;
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === undefined) throw error instanceof TooManyWaiting ? tooMany() : error;
      this.#parts.onVerified?.("refused");
      this.#tell(reason);
      return undefined;
    }
  }

  async #verified(token: string): Promise<ProductClaims> {
    const { settings, keys, clock } = this.#parts;
    const { algorithm, issuer, audience } = settings;
    const { alg, kid } = headerOf(token);
    // Before the key is looked up, which may need a request to the product.
    if (alg !== algorithm) throw new ClaimsUnusable("its algorithm is another one");
    const key = await keys.keyFor(kid);
    if (!key) throw new ClaimsUnusable(kid === undefined ? "it does not name its key" : "its key is unknown");
    const { payload } = await this.#turns.run(() =>
      jwtVerify(token, key, {
        algorithms: [algorithm],
        issuer,
        audience,
        clockTolerance: SKEW_MS / 1000,
        currentDate: new Date(clock.now()),
      }),
    );
    const claims = claimsOf(payload, settings.claims);
    // It would outlive the moment at which its person was signed out everywhere.
    if (claims.issuedAt !== undefined && claims.issuedAt > clock.now() + SKEW_MS) {
      throw new ClaimsUnusable('"iat" is in the future');
    }
    return claims;
  }

  #tell(reason: string): void {
    this.#refused += 1;
    const nowMs = uptimeMs();
    if (nowMs - this.#toldMs < TOLD_EVERY_MS) return;
    this.#parts.logger.warn(
      { reason, refused: this.#refused },
      "tokens of the product were refused; this is the last one's reason",
    );
    this.#toldMs = nowMs;
    this.#refused = 0;
  }
}

function headerOf(token: string): { alg: unknown; kid: string | undefined } {
  let header: { alg?: unknown; kid?: unknown };
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw new ClaimsUnusable("its header cannot be read");
  }
  if (header.kid !== undefined && typeof header.kid !== "string") throw new ClaimsUnusable('"kid" is not a string');
  return { alg: header.alg, kid: header.kid };
}

/** Why a token was refused; undefined if the token is not at fault. */
function reasonOf(error: unknown): string | undefined {
  return error instanceof ClaimsUnusable || error instanceof errors.JOSEError ? error.message : undefined;
}

function tooMany(): ProblemError {
  return new ProblemError("overloaded", "Too many people are signing in", { retryAfterMs: 1000 });
}
