import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { exportJWK, jwtVerify, SignJWT } from "jose";

export const ISSUER = "https://shop.example";
/** Two minutes: the client asks for the next one by itself. */
const SECONDS = 120;
const KEY_ID = "shop-1";

/** The product's own tokens: one key pair in a file, whose public half Parley reads. */
export class Tokens {
  readonly #private: KeyObject;
  readonly #public: KeyObject;

  constructor(file: string) {
    if (!existsSync(file)) {
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    }
    this.#private = createPrivateKey(readFileSync(file));
    this.#public = createPublicKey(this.#private);
  }

  make({ id, name }: { id: string; name: string }): Promise<string> {
    return new SignJWT({ name })
      .setProtectedHeader({ alg: "ES256", kid: KEY_ID })
      .setIssuer(ISSUER)
      .setAudience(["shop", "parley"])
      .setSubject(id)
      .setIssuedAt()
      .setExpirationTime(`${SECONDS}s`)
      .sign(this.#private);
  }

  /** @returns the token's person @throws if it is not valid */
  async ownerOf(token: string): Promise<string> {
    const { payload } = await jwtVerify(token, this.#public, {
      algorithms: ["ES256"],
      issuer: ISSUER,
      audience: "shop",
    });
    return payload.sub as string;
  }

  /** For `JWT_JWKS_URL`. */
  async published(): Promise<object> {
    return { keys: [{ ...(await exportJWK(this.#public)), kid: KEY_ID, use: "sig", alg: "ES256" }] };
  }
}
