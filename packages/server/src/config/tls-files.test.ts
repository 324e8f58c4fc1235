import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../../test/needs.ts";
import { selfSigned } from "../../test/self-signed.ts";
import { ConfigError, loadConfig } from "./config.ts";

const openssl = needs("openssl");
const dir = mkdtempSync(join(tmpdir(), "parley-pem-"));
afterAll(() => rmSync(dir, { recursive: true }));

function outcome(cert: string, key: string): unknown {
  try {
    return loadConfig({ TLS_CERT: cert, TLS_KEY: key }).config.listen.tls;
  } catch (error) {
    return error instanceof ConfigError ? error.problems : error;
  }
}

describe.skipIf(!openssl)("GW-70: certificate and key", () => {
  let own: { cert: string; key: string };
  let other: { cert: string; key: string };
  beforeAll(() => {
    own = selfSigned(openssl as string, dir, "own");
    other = selfSigned(openssl as string, dir, "other");
  });

  test("that belong together are taken", () => {
    expect(outcome(own.cert, own.key)).toEqual({ certFile: own.cert, keyFile: own.key });
  });

  test("of two pairs are refused", () => {
    expect(outcome(own.cert, other.key)).toEqual([
      `TLS_KEY is "${other.key}", wanted the key of the certificate in TLS_CERT`,
    ]);
  });

  test("in each other's place are refused", () => {
    expect(outcome(own.key, own.cert)).toEqual([
      `TLS_CERT is "${own.key}", wanted a certificate in PEM form`,
      `TLS_KEY is "${own.cert}", wanted a private key in PEM form, without a passphrase`,
    ]);
  });

  test("a key with a passphrase is refused", () => {
    const locked = join(dir, "locked.pem");
    const args = ["ec", "-in", own.key, "-aes128", "-passout", "pass:secret", "-out", locked];
    expect(Bun.spawnSync([openssl as string, ...args]).exitCode).toBe(0);
    expect(outcome(own.cert, locked)).toEqual([expect.stringContaining("without a passphrase")]);
  });

  test("that are empty are refused", () => {
    const empty = join(dir, "empty.pem");
    writeFileSync(empty, "");
    expect(outcome(empty, empty)).toHaveLength(2);
  });
});
