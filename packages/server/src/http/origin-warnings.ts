import type { Logger } from "../ops/logger.ts";

/** Origins beyond this are not named: any page can ask, and each name takes memory and a line. */
const MAX_ORIGINS = 100;
const MAX_SHOWN_CHARACTERS = 200;

/**
 * Names each origin whose pages are refused, once, with the setting that would allow it: usually it is the operator's own page or app,
 * which is missing in ALLOWED_ORIGINS.
 */
export class OriginWarnings {
  readonly #logger: Logger;
  readonly #allowed: readonly string[];
  readonly #named = new Set<string>();

  /** @param parts.allowedOrigins ALLOWED_ORIGINS as it is */
  constructor({ logger, allowedOrigins }: { logger: Logger; allowedOrigins: readonly string[] }) {
    this.#logger = logger;
    this.#allowed = allowedOrigins;
  }

  /** Called for each request of a page that is refused, with its Origin as it came. */
  note(origin: string): void {
    const shown = origin.slice(0, MAX_SHOWN_CHARACTERS);
    if (this.#named.has(shown) || this.#named.size >= MAX_ORIGINS) return;
    this.#named.add(shown);
    this.#logger.warn({ origin: shown }, this.#text(shown));
  }

  #text(origin: string): string {
    // What sandboxed frames and files send: it would allow all of them, whoever wrote them.
    if (!/^[a-z][a-z0-9+.-]*:\/\/[^*]/i.test(origin))
      return "a page without an origin of its own is refused; no setting allows it";
    return `pages of ${origin} are refused; if they are yours, set ALLOWED_ORIGINS=${[...this.#allowed, origin].join(",")}`;
  }
}
