import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, loadConfig } from "./config.ts";
import type { Env } from "./env.ts";
import { readTokenKey } from "./token-key-file.ts";

const folder = mkdtempSync(join(tmpdir(), "token-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

const BASE: Env = { JWT_ALGORITHM: "ES256", JWT_ISSUER: "https://shop.example", JWT_AUDIENCE: "parley" };
const URL_OF_KEYS = "https://shop.example/keys.json";

function problemsOf(env: Env): readonly string[] {
  try {
    loadConfig(env);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

function fileOf(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const pem = (key: KeyObject) => key.export({ type: "spki", format: "pem" });
const jwk = (key: KeyObject) => JSON.stringify(key.export({ format: "jwk" }));

let p256: KeyObject;
let p384: KeyObject;
let rsa: KeyObject;
let smallRsa: KeyObject;
let ed: KeyObject;
let privateKey: KeyObject;

beforeAll(() => {
  ({ publicKey: p256, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" }));
  p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey;
  rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
  smallRsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  ed = generateKeyPairSync("ed25519").publicKey;
});

describe("settings of the product's tokens", () => {
  test("are off without variables, and read as one tree", () => {
    expect(loadConfig({}).config.productTokens).toBeUndefined();
    const { config, warnings } = loadConfig({ ...BASE, JWT_JWKS_URL: URL_OF_KEYS, JWT_ID_CLAIM: "account" });
    expect(config.productTokens).toEqual({
      algorithm: "ES256",
      issuer: "https://shop.example",
      audience: "parley",
      keys: { url: URL_OF_KEYS },
      claims: { id: "account", name: "name", avatar: "picture" },
    });
    expect(warnings).toEqual([]);
  });

  test("name each variable that is missing, once one of them is set", () => {
    const names = (env: Env) => problemsOf(env).map((problem) => problem.split(" ")[0] as string);
    expect(names({ JWT_NAME_CLAIM: "nick" })).toEqual(["JWT_ALGORITHM", "JWT_ISSUER", "JWT_AUDIENCE", "JWT_JWKS_URL"]);
    for (const name of Object.keys(BASE)) {
      expect(names({ ...BASE, JWT_JWKS_URL: URL_OF_KEYS, [name]: "" })).toEqual([name]);
    }
    expect(problemsOf(BASE)).toEqual([
      "JWT_JWKS_URL is not set, wanted the address of the product's public keys, or their file in JWT_KEY_FILE",
    ]);
  });

  test("take one source of keys, and one algorithm that suits it", () => {
    const file = fileOf("p256.pem", pem(p256));
    expect(problemsOf({ ...BASE, JWT_JWKS_URL: URL_OF_KEYS, JWT_KEY_FILE: file })).toEqual([
      "JWT_KEY_FILE is set, wanted either this or JWT_JWKS_URL",
    ]);
    expect(problemsOf({ ...BASE, JWT_JWKS_URL: URL_OF_KEYS, JWT_ALGORITHM: "HS256" })).toEqual([
      "JWT_KEY_FILE is not set, wanted the file of the secret: HS256 has no public key",
    ]);
    for (const algorithm of ["none", "es256", "HS256,RS256", "toString"]) {
      const [problem, ...others] = problemsOf({ ...BASE, JWT_JWKS_URL: URL_OF_KEYS, JWT_ALGORITHM: algorithm });
      expect(problem).toStartWith(`JWT_ALGORITHM is "${algorithm}", wanted one of: HS256, `);
      expect(others).toEqual([]);
    }
    for (const url of ["ftp://shop.example/keys", "shop.example", "https://ada:pw@shop.example/keys", "https://x/#y"]) {
      expect(problemsOf({ ...BASE, JWT_JWKS_URL: url })).toEqual([
        `JWT_JWKS_URL is "${url}", wanted an http or https address, without a name or password in it`,
      ]);
    }
  });

  test("warn of keys that come without TLS from another machine", () => {
    const warningsOf = (url: string) => loadConfig({ ...BASE, JWT_JWKS_URL: url }).warnings;
    expect(warningsOf("http://shop.example/keys")).toEqual([expect.stringContaining("JWT_JWKS_URL is plain http")]);
    for (const url of ["http://localhost:9/k", "http://127.0.0.1/k", "http://[::1]:9/k", "https://shop.example/k"]) {
      expect(warningsOf(url)).toEqual([]);
    }
    // A name that only begins like an address of this machine.
    expect(warningsOf("http://127.evil.example/keys")).toHaveLength(1);
  });
});

describe("the file of the product's key", () => {
  const problemOf = (algorithm: string, path: string) =>
    problemsOf({ ...BASE, JWT_ALGORITHM: algorithm, JWT_KEY_FILE: path }).join("\n");

  test("is the public key that the algorithm needs, as PEM or JWK", () => {
    const fit: [string, KeyObject][] = [
      ["ES256", p256],
      ["ES384", p384],
      ["RS256", rsa],
      ["PS512", rsa],
      ["EdDSA", ed],
    ];
    for (const [algorithm, key] of fit) {
      expect(problemOf(algorithm, fileOf("key.pem", pem(key)))).toBe("");
      expect(problemOf(algorithm, fileOf("key.jwk", `\n${jwk(key)}\n`))).toBe("");
    }
  });

  test("is refused where it is something else, which is said", () => {
    const unfit: [string, string | Buffer, string][] = [
      ["ES256", pem(p384), "a key on the curve P-256 for ES256"],
      ["ES256", pem(rsa), "a key on the curve P-256 for ES256"],
      ["RS256", pem(smallRsa), "an RSA key of at least 2048 bits for RS256"],
      ["RS256", jwk(p256), "an RSA key of at least 2048 bits for RS256"],
      ["EdDSA", pem(p256), "an Ed25519 key for EdDSA"],
      ["ES256", privateKey.export({ type: "pkcs8", format: "pem" }), "the public half of the key"],
      ["ES256", privateKey.export({ type: "sec1", format: "pem" }), "the public half of the key"],
      ["ES256", jwk(privateKey), "the public half of the key"],
      ["ES256", `{"keys":[${jwk(p256)}]}`, "one JWK; a set of keys is for JWT_JWKS_URL"],
      ["ES256", "{", "a JWK: one JSON object"],
      ["ES256", '{"kty":"oct","k":"c2VjcmV0"}', "the JWK of a public key"],
      ["ES256", "hello", "a public key in PEM form, or a JWK"],
      ["HS256", "too short", "a secret of at least 32 bytes for HS256 (such as: openssl rand -hex 32)"],
      ["HS512", "x".repeat(63), "a secret of at least 64 bytes for HS512"],
      ["HS256", pem(rsa), "a secret for HS256, not a key in PEM form"],
    ];
    for (const [algorithm, content, wanted] of unfit) {
      const path = fileOf("unfit", content);
      expect(problemOf(algorithm, path)).toStartWith(`JWT_KEY_FILE is ${JSON.stringify(path)}, wanted ${wanted}`);
    }
    expect(problemOf("ES256", join(folder, "not-there"))).toContain("wanted a file that exists");
  });

  test("is a secret byte for byte, without the newline at its end", () => {
    const bytes = Buffer.concat([Buffer.from([0, 255, 10, 13, 128]), Buffer.alloc(32, 7)]);
    for (const end of ["", "\n", "\r\n"]) {
      const path = fileOf("secret", Buffer.concat([bytes, Buffer.from(end)]));
      expect(readTokenKey(path, "HS256").export()).toEqual(bytes);
    }
    const two = fileOf("two", Buffer.concat([bytes, Buffer.from("\n\n")]));
    expect(readTokenKey(two, "HS256").export()).toEqual(Buffer.concat([bytes, Buffer.from("\n")]));
  });
});
