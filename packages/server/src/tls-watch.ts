import { X509Certificate } from "node:crypto";
import { ConfigError } from "./config/config.ts";
import { readTlsPair, type TlsFiles, type TlsPair } from "./config/tls-files.ts";
import { every, type Stop } from "./lib/interval.ts";
import type { Logger } from "./ops/logger.ts";

const LOOK_MS = 10_000;

/** @throws ConfigError when the files have changed since they were checked, and do not fit any more */
export function tlsNow(files: TlsFiles | undefined): { files: TlsFiles; used: TlsPair } | undefined {
  if (!files) return undefined;
  const { pair, problems } = readTlsPair(files);
  if (!pair) throw new ConfigError(problems);
  return { files, used: pair };
}

export interface TlsWatchParts {
  readonly files: TlsFiles;
  readonly logger: Logger;
  /** The pair in use at the beginning. */
  readonly used: TlsPair;
  /** Has new connections get another one. */
  readonly renew: (pair: TlsPair) => Promise<void>;
}

/**
 * Looks at the certificate's files every ten seconds and has a renewed certificate used, so that whatever renews it need not know of this server. The two files are mostly
 * written one after the other, so what does not fit together at one look is complained of at the next.
 */
export class TlsWatch {
  readonly #parts: TlsWatchParts;
  #used: TlsPair;
  /** What was wrong at the last look, and whether the log says so. */
  #wrong: { readonly text: string; told: boolean } | undefined;
  #busy = false;

  constructor(parts: TlsWatchParts) {
    this.#parts = parts;
    this.#used = parts.used;
  }

  start(): Stop {
    return every(LOOK_MS, () => void this.look());
  }

  async look(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const { pair, problems } = readTlsPair(this.#parts.files);
      if (pair === undefined) this.#complain(problems.join("; "));
      else if (isSame(pair, this.#used)) this.#wrong = undefined;
      else await this.#use(pair);
    } catch (error) {
      this.#complain(error instanceof Error ? error.message : String(error));
    } finally {
      this.#busy = false;
    }
  }

  async #use(pair: TlsPair): Promise<void> {
    await this.#parts.renew(pair);
    this.#used = pair;
    this.#wrong = undefined;
    const { validTo } = new X509Certificate(pair.cert);
    this.#parts.logger.info({ validTo }, "the certificate was renewed, and new connections get it");
  }

  #complain(text: string): void {
    if (this.#wrong?.text !== text) {
      this.#wrong = { text, told: false };
      return;
    }
    if (this.#wrong.told) return;
    this.#wrong.told = true;
    this.#parts.logger.error(
      { problem: text },
      "the certificate's files changed and cannot be used; the previous certificate stays in use",
    );
  }
}

function isSame(one: TlsPair, other: TlsPair): boolean {
  return one.cert.equals(other.cert) && one.key.equals(other.key);
}
