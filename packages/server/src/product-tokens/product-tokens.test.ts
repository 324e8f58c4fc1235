import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AUDIENCE,
  CLAIM_NAMES,
  ISSUER,
  type IssuerKey,
  newKey,
  newProductToken,
  settingsFor,
} from "../../test/product-issuer.ts";
import type { TokenAlgorithm } from "../config/token-algorithms.ts";
import { ManualClock } from "../lib/clock.ts";
import { createLogger } from "../ops/logger.ts";
import foreign from "./foreign-tokens.json" with { type: "json" };
import { ProductTokens } from "./product-tokens.ts";
import { KeyOfFile, type TokenKeys } from "./token-keys.ts";

const folder = mkdtempSync(join(tmpdir(), "product-tokens-"));
afterAll(() => rmSync(folder, { recursive: true }));

const lines: string[] = [];
const logger = createLogger({ level: "warn", sink: { write: (line) => lines.push(line) } });
/** 2023-11-14, the time in the tokens of other libraries in `foreign-tokens.json`. */
const START = 1_700_000_000_000;

function fileOf(content: string): string {
  const path = join(folder, `${Bun.hash(content)}`);
  writeFileSync(path, content);
  return path;
}

function tokensOf(keys: TokenKeys, { now = START, algorithm = "ES256" as TokenAlgorithm } = {}) {
  const settings = { ...settingsFor({ file: "" }), algorithm };
  return new ProductTokens({ settings, keys, clock: new ManualClock(now), logger });
}

describe("tokens made by other libraries", () => {
  for (const { madeBy, algorithm, token } of foreign.tokens as {
    madeBy: string;
    algorithm: "HS256";
    token: string;
  }[]) {
    test(`TOK-1: ${algorithm} by ${madeBy}`, async () => {
      const keys = new KeyOfFile(fileOf(foreign.keys[algorithm]), algorithm);
      expect(await tokensOf(keys, { algorithm }).verify(token)).toEqual({
        externalId: "customer-42",
        name: "Ada Lovelace",
        avatar: "https://shop.example/ada.png",
        session: "device-7",
        issuedAt: START,
        expiresAt: START + 3_600_000,
      });
      const others = ["HS256", "HS512", "RS256", "PS256", "ES256", "EdDSA"].filter((other) => other !== algorithm);
      for (const other of others as TokenAlgorithm[]) {
        expect(await tokensOf(keys, { algorithm: other }).verify(token)).toBeUndefined();
      }
    });
  }
});

let key: IssuerKey;
let pem: string;
let tokens: ProductTokens;
const made = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}) =>
  newProductToken({ key, now: START, claims, header });

beforeAll(() => {
  key = newKey("k1");
  pem = foreign.keys.ES256;
  const jwkFile = fileOf(JSON.stringify(key.jwk));
  tokens = tokensOf(new KeyOfFile(jwkFile, "ES256"));
});

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("forgeries", () => {
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: "customer-42", iat: START / 1000, exp: START / 1000 + 3600 };

  test("TOK-2: a token without a signature, whatever it calls its algorithm", async () => {
    const signature = (await made()).split(".")[2] as string;
    for (const alg of ["none", "None", "NONE", "nOnE", "", undefined, null, ["ES256"], 0]) {
      for (const rest of ["", signature, "AA"]) {
        const token = `${encoded({ alg, typ: "JWT" })}.${encoded(claims)}.${rest}`;
        expect(await tokens.verify(token)).toBeUndefined();
      }
    }
    const [header, payload] = (await made()).split(".");
    for (const cut of [`${header}.${payload}.`, `${header}.${payload}`, `${header}..${signature}`, "a.b.c", "..", ""]) {
      expect(await tokens.verify(cut)).toBeUndefined();
    }
  });

  test("TOK-2: the public key taken for a secret, in each form that it is published in", async () => {
    const jwk = JSON.stringify(key.jwk);
    const forms = [
      pem,
      pem.trim(),
      `${pem}\n`,
      jwk,
      key.jwk.x as string,
      Buffer.from(key.jwk.x as string, "base64url"),
      "",
    ];
    for (const hash of ["sha256", "sha384", "sha512"]) {
      for (const secret of forms) {
        const text = `${encoded({ alg: `HS${hash.slice(3)}`, kid: "k1" })}.${encoded(claims)}`;
        const token = `${text}.${createHmac(hash, secret).update(text).digest("base64url")}`;
        expect(await tokens.verify(token)).toBeUndefined();
        // The header lies about its algorithm too.
        const lie = `${encoded({ alg: "ES256", kid: "k1" })}.${encoded(claims)}`;
        expect(
          await tokens.verify(`${lie}.${createHmac(hash, secret).update(lie).digest("base64url")}`),
        ).toBeUndefined();
      }
    }
  });

  test("TOK-2: a key that the token brings along, or says where to fetch", async () => {
    const other = newKey("k1");
    let fetched = 0;
    const trap = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => {
        fetched += 1;
        return Response.json({ keys: [other.jwk] });
      },
    });
    const url = `http://127.0.0.1:${trap.port}/`;
    for (const header of [{ jwk: other.jwk }, { jku: url }, { x5u: url }, { x5c: ["MIIB"] }, { kid: url }, {}]) {
      expect(await tokens.verify(await newProductToken({ key: other, now: START, header }))).toBeUndefined();
    }
    expect(fetched).toBe(0);
    await trap.stop(true);
  });

  test("TOK-2: a signature that is not one", async () => {
    const [header, payload, signature] = (await made()).split(".") as [string, string, string];
    const bytes = Buffer.from(signature, "base64url");
    const flipped = Buffer.from(bytes);
    flipped[5] = (flipped[5] as number) ^ 1;
    const der = sign("sha256", Buffer.from(`${header}.${payload}`), key.privateKey);
    for (const wrong of [
      Buffer.alloc(64),
      Buffer.alloc(64, 255),
      flipped,
      bytes.subarray(1),
      der,
      Buffer.alloc(1000, 7),
    ]) {
      expect(await tokens.verify(`${header}.${payload}.${wrong.toString("base64url")}`)).toBeUndefined();
    }
    const others = encoded({ ...claims, sub: "customer-1" });
    expect(await tokens.verify(`${header}.${others}.${signature}`)).toBeUndefined();
    expect(await tokens.verify(`${header}.${payload}.${signature}`)).toBeDefined();
  });

  test("TOK-2: extensions that this server does not know, and other kinds of token", async () => {
    for (const header of [{ crit: ["exp"], exp: 1 }, { crit: ["b64"], b64: false }, { crit: [] }, { b64: false }]) {
      const text = `${encoded({ alg: "ES256", kid: "k1", ...header })}.${encoded(claims)}`;
      const signature = sign("sha256", Buffer.from(text), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
      const accepted = await tokens.verify(`${text}.${signature.toString("base64url")}`);
      if (!("b64" in header) || "crit" in header) expect(accepted).toBeUndefined();
    }
    expect(await tokens.verify(`${await made()}.AA.AA`)).toBeUndefined();
    expect(await tokens.verify(` ${await made()}`)).toBeUndefined();
  });

  test("TOK-2: claims of somebody else's token", async () => {
    for (const wrong of [
      { iss: "https://shop.example/" },
      { iss: "https://evil.example" },
      { iss: undefined },
      { iss: [ISSUER] },
      { aud: "parley2" },
      { aud: "PARLEY" },
      { aud: undefined },
      { aud: ["other"] },
      { aud: [] },
    ]) {
      expect(await tokens.verify(await made(wrong))).toBeUndefined();
    }
    expect(await tokens.verify(await made({ aud: ["other", AUDIENCE] }))).toBeDefined();
  });

  test("TOK-3: times, with half a minute for clocks that differ", async () => {
    const at = (seconds: number) => START / 1000 + seconds;
    const refused = [
      { exp: at(-30) },
      { exp: undefined },
      { exp: String(at(60)) },
      { exp: null },
      { nbf: at(31) },
      { nbf: "0" },
      { iat: at(31), exp: at(99) },
      { iat: String(at(0)) },
      { iat: null },
    ];
    for (const times of refused) expect(await tokens.verify(await made(times))).toBeUndefined();
    const accepted = [{ exp: at(-29) }, { nbf: at(30) }, { iat: at(30) }, { iat: undefined }, { iat: at(-0.5) }];
    for (const times of accepted) expect(await tokens.verify(await made(times))).toBeDefined();
    // A number that JSON can write and no calendar has.
    const text = `${encoded({ alg: "ES256", kid: "k1" })}.${Buffer.from(
      JSON.stringify({ ...claims, exp: 0 }).replace('"exp":0', '"exp":1e999'),
    ).toString("base64url")}`;
    const signature = sign("sha256", Buffer.from(text), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
    expect(await tokens.verify(`${text}.${signature.toString("base64url")}`)).toBeUndefined();
  });

  test("TOK-4: a token of up to 4 096 characters", async () => {
    // Four characters carry three bytes, so the header makes up the difference.
    const pad = async (characters: number) => {
      for (let length = characters / 2; ; length++) {
        const token = await made({ pad: "x".repeat(length) }, { pad: "x".repeat(length % 4) });
        if (token.length === characters) return token;
      }
    };
    const longest = await pad(4096);
    expect(longest).toHaveLength(4096);
    expect(await tokens.verify(longest)).toBeDefined();
    expect(await tokens.verify(await pad(4097))).toBeUndefined();
    expect(await tokens.verify(`${"a".repeat(50_000_000)}.b.c`)).toBeUndefined();
  });

  test("TOK-2: any bytes between dots are refused, and nothing is thrown", async () => {
    const parts = ["", "e30", "bnVsbA", "W10", "IiI", "____", encoded({ alg: "ES256" }), encoded(claims), "AA"];
    for (const header of parts) {
      for (const payload of parts) {
        for (const rest of parts) expect(await tokens.verify(`${header}.${payload}.${rest}`)).toBeUndefined();
      }
    }
  });
});

describe("what a token says", () => {
  const said = async (claims: Record<string, unknown>) => tokens.verify(await made(claims));

  test("TOK-5: whose it is, by text or number", async () => {
    for (const sub of [
      "",
      "~7",
      " ",
      ".",
      "a\nb",
      "x".repeat(129),
      {},
      [],
      ["a"],
      true,
      null,
      1.5,
      2 ** 53,
      undefined,
    ]) {
      expect(await said({ sub })).toBeUndefined();
    }
    expect(await said({ sub: 42 })).toMatchObject({ externalId: "42" });
    expect(await said({ sub: "42" })).toMatchObject({ externalId: "42" });
    expect(await said({ sub: "ü".repeat(128) })).toMatchObject({ externalId: "ü".repeat(128) });
  });

  test("TOK-6: a name is cut to fit and never refused", async () => {
    const names: [unknown, string | undefined][] = [
      ["Ada", "Ada"],
      ["  Ada\n\tLovelace\u202e ", "Ada Lovelace"],
      ["x".repeat(65), "x".repeat(64)],
      [`${"x".repeat(63)} yz`, `${"x".repeat(63)}`],
      ["👩‍🚀".repeat(40), [..."👩‍🚀".repeat(40)].slice(0, 64).join("")],
      ["a\ud800b", "a\ufffdb"],
      ["", undefined],
      ["\u200b", undefined],
      [42, undefined],
      [{ first: "Ada" }, undefined],
      [null, undefined],
    ];
    for (const [name, shown] of names) {
      const claims = await said({ name });
      expect(claims).toBeDefined();
      expect(claims?.name).toBe(shown);
    }
  });

  test("TOK-6: a picture that could not be shown is left out", async () => {
    for (const picture of ["javascript:alert(1)", "x".repeat(2000), 7, null, "https://a b"]) {
      expect(await said({ picture })).toMatchObject({ externalId: "customer-42", avatar: undefined });
    }
    expect(await said({ picture: "https://shop.example/a.png" })).toMatchObject({
      avatar: "https://shop.example/a.png",
    });
    expect(await said({ picture: "" })).toMatchObject({ avatar: "" });
  });

  test("TOK-5: claims of other names", async () => {
    const settings = {
      ...settingsFor({ file: "" }),
      claims: { id: "https://shop.example/id", name: "nick", avatar: "img" },
    };
    const keys = new KeyOfFile(fileOf(JSON.stringify(key.jwk)), "ES256");
    const renamed = new ProductTokens({ settings, keys, clock: new ManualClock(START), logger });
    const token = await made({ "https://shop.example/id": "c-7", nick: "Countess", img: "/a.png", name: "other" });
    expect(await renamed.verify(token)).toMatchObject({ externalId: "c-7", name: "Countess", avatar: "/a.png" });
    expect(CLAIM_NAMES.id).toBe("sub");
    expect(await renamed.verify(await made())).toBeUndefined();
  });
});

test("TOK-2: the log has the reason of a refusal, and nothing of the token", async () => {
  lines.length = 0;
  const keys = new KeyOfFile(fileOf(JSON.stringify(key.jwk)), "ES256");
  const fresh = tokensOf(keys);
  const token = await made({ aud: "somebody-else" });
  for (let count = 0; count < 50; count++) await fresh.verify(token);
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] as string)).toMatchObject({
    level: "warn",
    refused: 1,
    reason: 'unexpected "aud" claim value',
  });
  expect(lines[0]).not.toContain("somebody-else");
  expect(lines[0]).not.toContain(token.slice(0, 20));
});

test("TOK-7: beyond what may wait, tokens are refused as overload", async () => {
  const slow: TokenKeys = new KeyOfFile(fileOf(JSON.stringify(key.jwk)), "ES256");
  const real = await slow.keyFor("k1");
  const busy = tokensOf({ keyFor: async () => real });
  const token = await made();
  const results = await Promise.allSettled(Array.from({ length: 6000 }, () => busy.verify(token)));
  const refused = results.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
  expect(refused.length).toBe(6000 - 5016);
  expect(refused[0]?.reason).toMatchObject({ code: "overloaded" });
  expect(await busy.verify(token)).toBeDefined();
}, 30_000);
