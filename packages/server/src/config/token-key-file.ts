import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { type KeyNeed, keyNeedOf, RSA_BITS_MIN, type TokenAlgorithm } from "./token-algorithms.ts";

/** The file is not what `JWT_ALGORITHM` needs; the message says what it needs, as the end of "…, wanted". */
export class TokenKeyUnfit extends Error {
  override name = "TokenKeyUnfit";
}

/** The key that the product's tokens are checked with. @throws TokenKeyUnfit */
export function readTokenKey(file: string, algorithm: TokenAlgorithm): KeyObject {
  const content = contentOf(file);
  const need = keyNeedOf(algorithm);
  if ("secretBytes" in need) return secretOf(content, need.secretBytes, algorithm);
  const key = publicKeyOf(content);
  const unfit = whyUnfit(key, need);
  if (unfit) throw new TokenKeyUnfit(`${unfit} for ${algorithm}`);
  return key;
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    throw new TokenKeyUnfit("a file that this user may read");
  }
}

/** The bytes without a newline at the end, which editors and `echo` add. */
function secretOf(content: Buffer, least: number, algorithm: TokenAlgorithm): KeyObject {
  const text = content.toString("latin1");
  const secret = content.subarray(0, text.replace(/\r?\n$/, "").length);
  if (/^-----BEGIN [A-Z ]*(KEY|CERTIFICATE)-----/.test(text)) {
    throw new TokenKeyUnfit(`a secret for ${algorithm}, not a key in PEM form, whose public half anybody may know`);
  }
  if (secret.length < least) {
    throw new TokenKeyUnfit(
      `a secret of at least ${least} bytes for ${algorithm} (such as: openssl rand -hex ${least})`,
    );
  }
  return createSecretKey(secret);
}

function publicKeyOf(content: Buffer): KeyObject {
  const text = content.toString("utf8").trim();
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw privateHalf();
  if (text.startsWith("{")) return ofJwk(text);
  try {
    return createPublicKey(content);
  } catch {
    throw new TokenKeyUnfit("a public key in PEM form, or a JWK");
  }
}

function ofJwk(text: string): KeyObject {
  let jwk: Record<string, unknown>;
  try {
    jwk = JSON.parse(text);
  } catch {
    throw new TokenKeyUnfit("a JWK: one JSON object");
  }
  if (jwk.keys !== undefined) throw new TokenKeyUnfit("one JWK; a set of keys is for JWT_JWKS_URL");
  if (jwk.d !== undefined) throw privateHalf();
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
  } catch {
    throw new TokenKeyUnfit("the JWK of a public key");
  }
}

function privateHalf(): TokenKeyUnfit {
  return new TokenKeyUnfit("the public half of the key; only the product may have the private half");
}

/** What is needed instead of this key; undefined if it fits. */
function whyUnfit(key: KeyObject, need: Exclude<KeyNeed, { secretBytes: number }>): string | undefined {
  if (need.type === "rsa") {
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    return key.asymmetricKeyType === "rsa" && bits >= RSA_BITS_MIN
      ? undefined
      : `an RSA key of at least ${RSA_BITS_MIN} bits`;
  }
  if (need.type === "ed25519") return key.asymmetricKeyType === "ed25519" ? undefined : "an Ed25519 key";
  const curve = key.asymmetricKeyType === "ec" ? key.export({ format: "jwk" }).crv : undefined;
  return curve === need.curve ? undefined : `a key on the curve ${need.curve}`;
}
