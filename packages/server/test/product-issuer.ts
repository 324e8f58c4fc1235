import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { type JWK, type JWTHeaderParameters, SignJWT } from "jose";
import type { ProductTokensConfig } from "../src/config/product-tokens.ts";

/** A product that signs its people in: it has a pair of keys, publishes one half, and makes tokens with the other. */

export const ISSUER = "https://shop.example";
export const AUDIENCE = "parley";
export const CLAIM_NAMES = { id: "sub", name: "name", avatar: "picture" };

export interface IssuerKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  /** As it is published. */
  readonly jwk: JWK;
}

export function newKey(kid: string): IssuerKey {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = createPublicKey(privateKey as never).export({ format: "jwk" }) as JWK;
  return { kid, privateKey, jwk: { ...jwk, kid, use: "sig", alg: "ES256" } };
}

export interface TokenDraft {
  readonly key: IssuerKey;
  /** Epoch milliseconds at which the token is made; it is good for an hour. */
  readonly now: number;
  /** Replace the token's usual claims; undefined leaves one out. */
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
}

/** A token of customer-42, unless the claims say otherwise. */
export function newProductToken({ key, now, claims, header }: TokenDraft): Promise<string> {
  const iat = Math.floor(now / 1000);
  const all = { iss: ISSUER, aud: AUDIENCE, sub: "customer-42", name: "Ada", iat, exp: iat + 3600, ...claims };
  return new SignJWT(all)
    .setProtectedHeader({ alg: "ES256", kid: key.kid, ...header } as JWTHeaderParameters)
    .sign(key.privateKey);
}

export function settingsFor(keys: ProductTokensConfig["keys"]): ProductTokensConfig {
  return { algorithm: "ES256", issuer: ISSUER, audience: AUDIENCE, keys, claims: CLAIM_NAMES };
}

/** What a key server answers; tests change it as they go. */
export interface PublishedKeys {
  answer: () => Response | Promise<Response>;
  /** Requests so far. */
  fetches: number;
}

/** A key server on this machine that publishes `keys`. */
export function keyServer(keys: readonly IssuerKey[]) {
  const published: PublishedKeys = { answer: () => publishing(keys), fetches: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => {
      published.fetches += 1;
      return published.answer();
    },
  });
  const url = `http://127.0.0.1:${server.port}/keys.json`;
  return Object.assign(published, { url, stop: () => server.stop(true) });
}

export function publishing(keys: readonly IssuerKey[]): Response {
  return Response.json({ keys: keys.map(({ jwk }) => jwk) });
}
