import { isLoopbackName } from "../lib/ip-range.ts";
import type { EnvName } from "./env.ts";
import * as parse from "./parse.ts";
import type { Reader } from "./reader.ts";
import { keyNeedOf, TOKEN_ALGORITHMS, type TokenAlgorithm } from "./token-algorithms.ts";
import { readTokenKey, TokenKeyUnfit } from "./token-key-file.ts";

/** The tokens (JWT) by which the product signs its own people in. */
export interface ProductTokensConfig {
  readonly algorithm: TokenAlgorithm;
  readonly issuer: string;
  readonly audience: string;
  readonly keys: { readonly file: string } | { readonly url: string };
  /** Names of claims. */
  readonly claims: { readonly id: string; readonly name: string; readonly avatar: string };
}

const OFF = "off";

/** Undefined if none of the variables is set. If one is, all required ones must be; what is wrong joins the other problems. */
export function readProductTokens(read: Reader): ProductTokensConfig | undefined {
  const url = read.maybe("JWT_JWKS_URL", parse.address, OFF);
  const file = read.maybe("JWT_KEY_FILE", parse.file, OFF);
  const algorithm = read.maybe("JWT_ALGORITHM", algorithmName, OFF);
  const issuer = read.maybe("JWT_ISSUER", claimText, OFF);
  const audience = read.maybe("JWT_AUDIENCE", claimText, OFF);
  const claims = {
    id: read.value("JWT_ID_CLAIM", claimName, "sub"),
    name: read.value("JWT_NAME_CLAIM", claimName, "name"),
    avatar: read.value("JWT_AVATAR_CLAIM", claimName, "picture"),
  };
  if (!JWT_NAMES.some((name) => read.isSet(name))) return undefined;
  const missing = NEEDED.filter(([name]) => !read.isSet(name)).map(
    ([name, what]) => `${name} is not set, wanted ${what}`,
  );
  read.problems.push(...missing, ...keyProblems(read, { file, algorithm }));
  const keys = url !== undefined ? { url } : file !== undefined ? { file } : undefined;
  if (!algorithm || issuer === undefined || audience === undefined || !keys) return undefined;
  return { algorithm, issuer, audience, keys, claims };
}

const NEEDED = [
  ["JWT_ALGORITHM", "the one algorithm that the product's tokens are signed with, such as ES256"],
  ["JWT_ISSUER", "the `iss` of the product's tokens"],
  ["JWT_AUDIENCE", "the `aud` of the product's tokens for this server"],
] as const satisfies readonly [EnvName, string][];

const JWT_NAMES: readonly EnvName[] = [
  ...NEEDED.map(([name]) => name),
  ...(["JWT_JWKS_URL", "JWT_KEY_FILE", "JWT_ID_CLAIM", "JWT_NAME_CLAIM", "JWT_AVATAR_CLAIM"] as const),
];

function keyProblems(
  read: Reader,
  { file, algorithm }: { file: string | undefined; algorithm: TokenAlgorithm | undefined },
): string[] {
  const byUrl = read.isSet("JWT_JWKS_URL");
  const byFile = read.isSet("JWT_KEY_FILE");
  if (byUrl && byFile) return ["JWT_KEY_FILE is set, wanted either this or JWT_JWKS_URL"];
  if (!byUrl && !byFile) {
    return ["JWT_JWKS_URL is not set, wanted the address of the product's public keys, or their file in JWT_KEY_FILE"];
  }
  if (!algorithm) return [];
  if (byUrl) {
    const symmetric = "secretBytes" in keyNeedOf(algorithm);
    return symmetric ? [`JWT_KEY_FILE is not set, wanted the file of the secret: ${algorithm} has no public key`] : [];
  }
  return file === undefined ? [] : fileProblems(file, algorithm);
}

function fileProblems(file: string, algorithm: TokenAlgorithm): string[] {
  try {
    readTokenKey(file, algorithm);
    return [];
  } catch (error) {
    if (!(error instanceof TokenKeyUnfit)) throw error;
    return [`JWT_KEY_FILE is ${JSON.stringify(file)}, wanted ${error.message}`];
  }
}

/** Keys that come over a network without TLS could be anybody's. */
export function plainHttpWarning(config: ProductTokensConfig | undefined): string[] {
  if (!config || !("url" in config.keys)) return [];
  const { protocol, hostname } = new URL(config.keys.url);
  if (protocol === "https:" || isLoopbackName(hostname)) return [];
  return ["JWT_JWKS_URL is plain http: anybody on the way can replace the keys with theirs; use https"];
}

const algorithmName: parse.Parser<TokenAlgorithm> = (text) =>
  Object.hasOwn(TOKEN_ALGORITHMS, text)
    ? { ok: true, value: text as TokenAlgorithm }
    : { ok: false, wanted: `one of: ${Object.keys(TOKEN_ALGORITHMS).join(", ")}` };

const claimText: parse.Parser<string> = (text) =>
  text.length <= 1024 ? { ok: true, value: text } : { ok: false, wanted: "at most 1024 characters" };

const claimName: parse.Parser<string> = (text) =>
  text.length <= 128
    ? { ok: true, value: text }
    : { ok: false, wanted: "the name of a claim, of at most 128 characters" };
