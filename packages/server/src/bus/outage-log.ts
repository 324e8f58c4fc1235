import { uptimeMs } from "../lib/uptime.ts";
import type { Logger } from "../ops/logger.ts";

interface OutageLogParts {
  /** What log lines call the service. */
  readonly service: string;
  readonly logger: Logger;
  /** It stands in for another bus, whose state counts. */
  readonly isStandIn?: boolean | undefined;
  /** Milliseconds that the process has run; another one for tests. */
  readonly uptime?: (() => number) | undefined;
}

/** An outage gets another line after this long at the earliest, and only if the problem is another one by then. */
const SAY_AGAIN_MS = 60_000;

/** Says in the log that a bus works, or does not. A service that ends gives one reason, and each further try fails with another, so an outage is said once. */
export class OutageLog {
  readonly #parts: OutageLogParts;
  /** What was said of the present outage, and when. */
  #said: { readonly problem: string; readonly ms: number } | undefined;

  constructor(parts: OutageLogParts) {
    this.#parts = parts;
  }

  works(): void {
    const { service, logger, isStandIn } = this.#parts;
    this.#said = undefined;
    logger.info({ service }, isStandIn ? "the bus that stands in for Redis works" : "the bus works");
  }

  /** May be called at each try. */
  isAway(problem: string): void {
    const { service, logger, isStandIn, uptime = uptimeMs } = this.#parts;
    const ms = uptime();
    if (this.#said && (problem === this.#said.problem || ms - this.#said.ms < SAY_AGAIN_MS)) return;
    this.#said = { problem, ms };
    logger.warn(
      { service, problem },
      isStandIn
        ? "the bus that stands in for Redis does not work"
        : "the bus does not work; events of other nodes come later, from the log",
    );
  }
}
