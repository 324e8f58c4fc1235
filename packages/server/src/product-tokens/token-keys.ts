import { importJWK, type JWK } from "jose";
import type { TokenAlgorithm } from "../config/token-algorithms.ts";
import { readTokenKey } from "../config/token-key-file.ts";

/** The key with which jose checks a signature. */
export type TokenKey = CryptoKey | Uint8Array;

/** Where the product's keys are. */
export interface TokenKeys {
  /**
   * The key that a token names, or the only one if it names none. Undefined: there is no such key. @throws ProblemError `overloaded` if
   * that cannot be known now
   */
  keyFor(kid: string | undefined): Promise<TokenKey | undefined>;
}

/** The one key of a file. The key that a token names does not matter, because another one would not fit its signature. */
export class KeyOfFile implements TokenKeys {
  readonly #key: Promise<TokenKey>;

  /** @throws TokenKeyUnfit */
  constructor(file: string, algorithm: TokenAlgorithm) {
    const key = readTokenKey(file, algorithm);
    // The same form for each algorithm; a secret becomes a key that is not made anew for each token.
    this.#key = importJWK(key.export({ format: "jwk" }) as JWK, algorithm).then((one) => forSecret(one, algorithm));
  }

  keyFor(): Promise<TokenKey> {
    return this.#key;
  }
}

async function forSecret(key: TokenKey, algorithm: TokenAlgorithm): Promise<TokenKey> {
  if (!(key instanceof Uint8Array)) return key;
  const hash = `SHA-${algorithm.slice(-3)}`;
  return crypto.subtle.importKey("raw", new Uint8Array(key), { name: "HMAC", hash }, false, ["verify"]);
}
