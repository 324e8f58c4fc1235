import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** What the two files hold, as PEM. */
export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** What is wrong with a certificate and its key, each line as config problems are; none: they can serve. */
export function tlsProblems(files: TlsFiles): string[] {
  return readTlsPair(files).problems;
}

/** The certificate and its key, or what is wrong with them. */
export function readTlsPair({ certFile, keyFile }: TlsFiles): { pair: TlsPair | undefined; problems: string[] } {
  const problems: string[] = [];
  const read = <T>(name: string, file: string, use: (pem: Buffer) => T, wanted: string) => {
    const is = `${name} is ${JSON.stringify(file)}, wanted`;
    const pem = contentOf(file);
    if (pem === undefined) problems.push(`${is} a file that this user may read`);
    else {
      try {
        return { pem, value: use(pem) };
      } catch {
        problems.push(`${is} ${wanted}`);
      }
    }
    return undefined;
  };
  const certificate = read("TLS_CERT", certFile, (pem) => new X509Certificate(pem), "a certificate in PEM form");
  const keyOf = (pem: Buffer): KeyObject => createPrivateKey(pem);
  const key = read("TLS_KEY", keyFile, keyOf, "a private key in PEM form, without a passphrase");
  if (!certificate || !key) return { pair: undefined, problems };
  if (certificate.value.checkPrivateKey(key.value)) return { pair: { cert: certificate.pem, key: key.pem }, problems };
  problems.push(`TLS_KEY is ${JSON.stringify(keyFile)}, wanted the key of the certificate in TLS_CERT`);
  return { pair: undefined, problems };
}

function contentOf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
