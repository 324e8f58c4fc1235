import { readdirSync } from "node:fs";
import { every, type Stop } from "../lib/interval.ts";
import { CAPS } from "../limits/caps.ts";
import type { Logger } from "../ops/logger.ts";

const LOOK_MS = 1000;

/**
 * Keeps the process below the number of files that it may open: at the limit nobody could connect, and the runtime would spend all of its
 * time on trying. Sockets that are open without a request are counted nowhere else, and anybody may open them. From 80 % on, those are closed
 * once a second, and each reply ends its connection.
 */
export class OpenFiles {
  readonly limit: number;
  readonly #count: () => number | undefined;
  readonly #logger: Logger;
  #isShort = false;
  #open: number | undefined;

  /** @param parts.count how many files are open now; undefined where the system does not say */
  constructor(parts: { limit: number; logger: Logger; count?: () => number | undefined }) {
    this.limit = parts.limit;
    this.#count = parts.count ?? openFiles;
    this.#logger = parts.logger;
  }

  /** Few are left: connections end with their replies. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** As many as at the last look; undefined where the system does not say. */
  get open(): number | undefined {
    this.#open ??= this.#count();
    return this.#open;
  }

  /** @param closeIdle closes what has no request, and says how many those were */
  watch(closeIdle: () => number): Stop {
    return every(LOOK_MS, () => this.#look(closeIdle));
  }

  #look(closeIdle: () => number): void {
    const open = this.#count();
    this.#open = open;
    const isShort = open !== undefined && open > (this.limit * CAPS.openFiles.count) / 100;
    if (isShort) {
      const closed = closeIdle();
      if (!this.#isShort)
        this.#logger.warn(
          { open, limit: this.limit, closed },
          "most of the files that this process may open are in use: idle connections are closed; raise ulimit -n, or bound connections per address in front",
        );
    }
    this.#isShort = isShort;
  }
}

/** Linux lists them; it costs a few milliseconds for ten thousand. */
function openFiles(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}
