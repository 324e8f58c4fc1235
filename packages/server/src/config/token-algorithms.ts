/** What a key must be, for each algorithm that the product's tokens may be signed with. */
export const TOKEN_ALGORITHMS = {
  HS256: { secretBytes: 32 },
  HS384: { secretBytes: 48 },
  HS512: { secretBytes: 64 },
  RS256: { type: "rsa" },
  RS384: { type: "rsa" },
  RS512: { type: "rsa" },
  PS256: { type: "rsa" },
  PS384: { type: "rsa" },
  PS512: { type: "rsa" },
  ES256: { type: "ec", curve: "P-256" },
  ES384: { type: "ec", curve: "P-384" },
  ES512: { type: "ec", curve: "P-521" },
  EdDSA: { type: "ed25519" },
} as const satisfies Record<string, KeyNeed>;

/** A secret that both sides know, of at least so many bytes, or the public half of a pair. */
export type KeyNeed =
  | { readonly secretBytes: number }
  | { readonly type: "rsa" }
  | { readonly type: "ed25519" }
  | { readonly type: "ec"; readonly curve: "P-256" | "P-384" | "P-521" };

export type TokenAlgorithm = keyof typeof TOKEN_ALGORITHMS;

export function keyNeedOf(algorithm: TokenAlgorithm): KeyNeed {
  return TOKEN_ALGORITHMS[algorithm];
}

/** Shorter RSA keys can be broken with effort. */
export const RSA_BITS_MIN = 2048;
