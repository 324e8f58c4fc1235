import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

/** What is wrong with a certificate and its key, each line as config problems are; none: they can serve. */
export function tlsProblems({ certFile, keyFile }: { certFile: string; keyFile: string }): string[] {
  const problems: string[] = [];
  const read = <T>(name: string, file: string, use: (pem: Buffer) => T, wanted: string): T | undefined => {
    const is = `${name} is ${JSON.stringify(file)}, wanted`;
    const pem = contentOf(file);
    if (pem === undefined) problems.push(`${is} a file that this user may read`);
    else {
      try {
        return use(pem);
      } catch {
        problems.push(`${is} ${wanted}`);
      }
    }
    return undefined;
  };
  const certificate = read("TLS_CERT", certFile, (pem) => new X509Certificate(pem), "a certificate in PEM form");
  const keyOf = (pem: Buffer): KeyObject => createPrivateKey(pem);
  const key = read("TLS_KEY", keyFile, keyOf, "a private key in PEM form, without a passphrase");
  if (certificate && key && !certificate.checkPrivateKey(key)) {
    problems.push(`TLS_KEY is ${JSON.stringify(keyFile)}, wanted the key of the certificate in TLS_CERT`);
  }
  return problems;
}

function contentOf(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}
