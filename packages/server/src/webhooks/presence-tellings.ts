import { ActiveStatus, encodePush, LIMITS, type OnlineChange, Push } from "@parley/protocol";
import type { Clock } from "../lib/clock.ts";
import { CAPS } from "../limits/caps.ts";
import type { Metrics } from "../ops/metrics.ts";
import { DeliveryFailed, deliver, wantsOf } from "./delivery.ts";
import type { Endpoint } from "./endpoint.ts";
import { retryAt } from "./gate.ts";
import type { Telling } from "./tellings.ts";

/** How long the news that somebody came or went is tried: after that it is stale. */
const TRIED_MS = 5 * 60_000;

interface Waiting {
  readonly telling: Telling;
  readonly madeAt: number;
  attempts: number;
  dueAt: number;
}

/** Lists of people who came online or went, for one address, in order. They are best effort: a crash forgets them, and so does time. */
export class PresenceTellings {
  readonly #endpoint: Endpoint;
  readonly #parts: { readonly clock: Clock; readonly metrics: Metrics };
  readonly #stopped = new AbortController();
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(endpoint: Endpoint, parts: { clock: Clock; metrics: Metrics }) {
    this.#endpoint = endpoint;
    this.#parts = parts;
  }

  /** @param id of these changes, the same for every address */
  tell(id: string, changes: readonly OnlineChange[], onlineNum: number): void {
    const wants = wantsOf(this.#endpoint.target);
    for (const name of ["online", "offline"] as const) {
      const own = changes.filter(({ activeStatus }) => activeStatus === ActiveStatus[name]);
      if (!wants(name)) continue;
      for (let from = 0; from < own.length; from += LIMITS.presenceUserIds) {
        const changeList = own.slice(from, from + LIMITS.presenceUserIds);
        const frame = encodePush(Push.ONLINE_OFFLINE_NOTIFY, { changeList, onlineNum });
        this.#add({ id: `${id}-${name}-${from}`, body: `{"event":"${name}",${frame.slice(1)}` });
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#waiting.length = 0;
    await this.#running;
  }

  #add(telling: Telling): void {
    if (this.#waiting.length >= CAPS.presenceTellings.count) this.#drop();
    this.#waiting.push({ telling, madeAt: this.#parts.clock.now(), attempts: 0, dueAt: 0 });
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts;
    const { gate } = this.#endpoint;
    for (let [one] = this.#waiting; one; [one] = this.#waiting) {
      if (!(await gate.enter(one.dueAt))) return;
      if (clock.now() - one.madeAt >= TRIED_MS || this.#waiting[0] !== one) {
        gate.leave("left off");
        if (this.#waiting[0] === one) this.#drop();
        continue;
      }
      if (await this.#try(one)) {
        gate.leave("delivered");
        if (this.#waiting[0] === one) this.#waiting.shift();
      } else {
        gate.leave(this.#stopped.signal.aborted ? "left off" : "failed");
        one.attempts += 1;
        one.dueAt = retryAt(clock.now(), one.attempts);
      }
    }
  }

  async #try({ telling, attempts }: Waiting): Promise<boolean> {
    const { signal } = this.#stopped;
    try {
      await deliver(this.#parts, this.#endpoint.target, { telling, attempt: attempts + 1, signal });
      return true;
    } catch (error) {
      if (error instanceof DeliveryFailed) return false;
      throw error;
    }
  }

  #drop(): void {
    this.#waiting.shift();
    this.#parts.metrics.webhookDeliveries.inc({ result: "dropped" });
  }
}
