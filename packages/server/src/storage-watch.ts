import { statfs } from "node:fs/promises";
import { type DataSettings, unusable } from "./db/open.ts";
import { StorageFault } from "./db/storage-fault.ts";
import { tryWriting } from "./db/try-writing.ts";
import { every, type Stop } from "./lib/interval.ts";
import type { Health } from "./ops/health.ts";
import type { Logger } from "./ops/logger.ts";
import type { Storage } from "./storage.ts";

const AGAIN_MS = 1000;
/**
 * What has to be free on the disk before a server that found it full counts as well again. The next small write may find room where a
 * larger one found none, so that without this it would be well and ill in turn.
 */
const FREE_MIN_BYTES = 1 << 20;

export interface StorageWatchParts {
  readonly storage: Pick<Storage, "writes" | "onFault">;
  readonly health: Pick<Health, "storageFails">;
  readonly logger: Logger;
  readonly data: DataSettings;
  readonly againMs?: number;
}

/**
 * Notices when the database cannot be written, says so once, and keeps traffic away until it can. A server without traffic writes nothing, so it
 * tries by itself.
 */
export class StorageWatch {
  readonly #parts: StorageWatchParts;
  #tries = false;

  constructor(parts: StorageWatchParts) {
    this.#parts = parts;
  }

  /** Resolves when something was written. @throws DataDirUnusable or PostgresUnusable when nothing can be */
  async start(): Promise<Stop> {
    const { storage, data } = this.#parts;
    try {
      await storage.writes.run(tryWriting, undefined);
    } catch (error) {
      throw error instanceof StorageFault ? unusable(data, error.fault) : error;
    }
    storage.onFault((fault) => this.#failed(fault));
    return every(this.#parts.againMs ?? AGAIN_MS, () => void this.#again());
  }

  #failed(fault: string): void {
    const { health, logger } = this.#parts;
    if (health.storageFails) return;
    health.storageFails = true;
    logger.error({ fault }, "nothing can be stored; /readyz is 503 until it can");
  }

  async #again(): Promise<void> {
    const { health, logger, storage } = this.#parts;
    if (!health.storageFails || this.#tries) return;
    this.#tries = true;
    try {
      await storage.writes.run(tryWriting, undefined);
      if (!(await this.#hasRoom())) return;
      health.storageFails = false;
      logger.warn("writes can be stored again");
    } catch (error) {
      // The next try says more than a line for each.
      if (!(error instanceof StorageFault)) logger.error({ err: error }, "upkeep failed");
    } finally {
      this.#tries = false;
    }
  }

  async #hasRoom(): Promise<boolean> {
    const { dir, databaseUrl } = this.#parts.data;
    if (databaseUrl !== undefined) return true;
    const disk = await statfs(dir).catch(() => undefined);
    return disk === undefined || disk.bavail * disk.bsize >= FREE_MIN_BYTES;
  }
}
