import { afterEach, beforeEach, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../test/needs.ts";
import { selfSigned } from "../test/self-signed.ts";
import { readTlsPair, type TlsPair } from "./config/tls-files.ts";
import { createLogger } from "./ops/logger.ts";
import { TlsWatch, tlsNow } from "./tls-watch.ts";

const openssl = needs("openssl");
const it = test.skipIf(!openssl);
let dir: string;
let files: { certFile: string; keyFile: string };
let made: Record<"a" | "b", { cert: string; key: string }>;
let renewed: TlsPair[];
let lines: { level: string; msg: string; problem?: string }[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "parley-tls-watch-"));
  files = { certFile: join(dir, "cert.pem"), keyFile: join(dir, "key.pem") };
  if (openssl) made = { a: selfSigned(openssl, dir, "a"), b: selfSigned(openssl, dir, "b") };
  renewed = [];
  lines = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const putCert = (name: "a" | "b") => copyFileSync(made[name].cert, files.certFile);
const putKey = (name: "a" | "b") => copyFileSync(made[name].key, files.keyFile);

/** A watch that began with the pair "a". */
function watch(renew = async (pair: TlsPair) => void renewed.push(pair)): TlsWatch {
  putCert("a");
  putKey("a");
  const logger = createLogger({ level: "info", sink: { write: (line) => void lines.push(JSON.parse(line)) } });
  const now = tlsNow(files);
  if (!now) throw new Error("there is a pair");
  return new TlsWatch({ ...now, logger, renew });
}

it("GW-71: files that stay the same are left alone, and new ones are used once", async () => {
  const at = watch();
  await at.look();
  expect([renewed, lines]).toEqual([[], []]);
  putCert("b");
  putKey("b");
  for (let n = 0; n < 3; n++) await at.look();
  expect(renewed).toEqual([readTlsPair(files).pair as TlsPair]);
  expect(lines).toMatchObject([{ level: "info", msg: "the certificate was renewed, and new connections get it" }]);
});

it("GW-71: a pair of which one half is there yet is waited for, and complained of once when it stays so", async () => {
  const at = watch();
  putCert("b");
  await at.look();
  expect([renewed, lines]).toEqual([[], []]);
  for (let n = 0; n < 3; n++) await at.look();
  expect(lines).toMatchObject([
    { level: "error", problem: expect.stringContaining("wanted the key of the certificate") },
  ]);
  putKey("b");
  await at.look();
  expect([renewed.length, lines.length]).toEqual([1, 2]);
});

it("GW-71: files that are gone, or hold something else, leave the pair in use", async () => {
  const at = watch();
  rmSync(files.certFile);
  writeFileSync(files.keyFile, "a letter");
  for (let n = 0; n < 3; n++) await at.look();
  expect(renewed).toEqual([]);
  expect(lines.map(({ problem }) => problem)).toEqual([
    expect.stringMatching(/^TLS_CERT is .* may read; TLS_KEY is .* without a passphrase$/),
  ]);
  // What was there comes back: nothing to do, and a later fault is told again.
  putCert("a");
  putKey("a");
  await at.look();
  rmSync(files.keyFile);
  for (let n = 0; n < 2; n++) await at.look();
  expect([renewed.length, lines.length]).toEqual([0, 2]);
});

it("GW-71: a port that cannot be opened anew is tried again, and complained of once", async () => {
  let fails = true;
  const at = watch(async (pair) => {
    if (fails) throw new Error("the port is taken");
    renewed.push(pair);
  });
  putCert("b");
  putKey("b");
  for (let n = 0; n < 4; n++) await at.look();
  expect(lines.map(({ problem }) => problem)).toEqual(["the port is taken"]);
  fails = false;
  await at.look();
  expect(renewed).toHaveLength(1);
});

test("GW-71: clear text has no certificate", () => {
  expect(tlsNow(undefined)).toBeUndefined();
});
