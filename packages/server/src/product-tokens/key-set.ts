import { importJWK, type JWK } from "jose";
import { z } from "zod";
import { keyNeedOf, RSA_BITS_MIN, type TokenAlgorithm } from "../config/token-algorithms.ts";
import { SIZES } from "../limits/sizes.ts";
import type { TokenKey } from "./token-keys.ts";

/** The product's public keys of one algorithm, as they were published together. */
export class KeySet {
  readonly #byId: ReadonlyMap<string | undefined, TokenKey>;
  readonly #only: TokenKey | undefined;

  constructor(keys: readonly { kid: string | undefined; key: TokenKey }[]) {
    // Of two with the same id the first one counts.
    this.#byId = new Map([...keys].reverse().map(({ kid, key }) => [kid, key]));
    this.#only = keys.length === 1 ? keys[0]?.key : undefined;
  }

  /** The key that a token names. A token that names none means the only one. */
  find(kid: string | undefined): TokenKey | undefined {
    return kid === undefined ? this.#only : this.#byId.get(kid);
  }
}

/** The published set has no key that could be used; the message says why, for the log. */
export class KeySetUnusable extends Error {
  override name = "KeySetUnusable";
}

const published = z.object({ keys: z.array(z.unknown()).max(SIZES.tokenKeys.count) });
const publishedKey = z.object({
  kty: z.string(),
  kid: z.string().optional(),
  use: z.string().optional(),
  key_ops: z.array(z.string()).optional(),
  alg: z.string().optional(),
  crv: z.string().optional(),
  n: z.string().optional(),
  e: z.string().optional(),
  x: z.string().optional(),
  y: z.string().optional(),
});
type PublishedKey = z.output<typeof publishedKey>;

/**
 * The keys of a published set (RFC 7517) that are for signatures by this algorithm; others are skipped, and so are keys of unknown kinds.
 * @throws KeySetUnusable when none is left
 */
export async function readKeySet(document: unknown, algorithm: TokenAlgorithm): Promise<KeySet> {
  const set = published.safeParse(document);
  if (!set.success) {
    throw new KeySetUnusable(`it is not a key set: an object with at most ${SIZES.tokenKeys.count} \`keys\``);
  }
  const keys = await Promise.all(set.data.keys.map((key) => usable(key, algorithm)));
  const fit = keys.filter((key) => key !== undefined);
  if (fit.length === 0) throw new KeySetUnusable(`none of its ${keys.length} keys is for ${algorithm}`);
  return new KeySet(fit);
}

async function usable(document: unknown, algorithm: TokenAlgorithm) {
  const { data: jwk } = publishedKey.safeParse(document);
  if (!jwk || !isMeantFor(jwk, algorithm)) return undefined;
  const { kty, crv, n, e, x, y } = jwk;
  try {
    const key = await importJWK(defined({ kty, crv, n, e, x, y }), algorithm);
    return isStrong(key) ? { kid: jwk.kid, key } : undefined;
  } catch {
    return undefined;
  }
}

/** A secret in a published set is no secret, so only keys that have a public half are taken. */
function isMeantFor(jwk: PublishedKey, algorithm: TokenAlgorithm): boolean {
  const { kty, crv } = shapeOf(algorithm);
  if (jwk.kty !== kty || (crv !== undefined && jwk.crv !== crv)) return false;
  if (jwk.use !== undefined && jwk.use !== "sig") return false;
  if (jwk.key_ops !== undefined && !jwk.key_ops.includes("verify")) return false;
  return jwk.alg === undefined || jwk.alg === algorithm || (algorithm === "EdDSA" && jwk.alg === "Ed25519");
}

function shapeOf(algorithm: TokenAlgorithm): { kty: string; crv?: string } {
  const need = keyNeedOf(algorithm);
  if ("secretBytes" in need) throw new Error(`${algorithm} has no public keys`);
  if (need.type === "rsa") return { kty: "RSA" };
  return need.type === "ec" ? { kty: "EC", crv: need.curve } : { kty: "OKP", crv: "Ed25519" };
}

function isStrong(key: TokenKey): boolean {
  if (key instanceof Uint8Array) return false;
  const { modulusLength } = key.algorithm as Partial<RsaKeyAlgorithm>;
  return modulusLength === undefined || modulusLength >= RSA_BITS_MIN;
}

function defined(jwk: Record<string, string | undefined>): JWK {
  return Object.fromEntries(Object.entries(jwk).filter(([, value]) => value !== undefined)) as unknown as JWK;
}
