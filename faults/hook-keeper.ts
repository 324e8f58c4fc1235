import { Database } from "bun:sqlite";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkHook, HOOK_EVENTS, type HookArrival, type HookVerdict } from "./check-hook.ts";
import { Child } from "./child.ts";
import type { Evidence } from "./evidence.ts";
import type { HookCall } from "./hook.ts";
import { Paced } from "./paced.ts";
import type { Requests } from "./people.ts";
import { Problems } from "./problems.ts";
import type { Product } from "./product.ts";
import type { Random } from "./random.ts";

const CUTS_PER_SECOND = 0.4;
/** One cut in this many kills the process. */
const DEATHS = 4;
const LOOK_MS = 500;
/** Whatever waits is due by then: the clock has been moved ahead. */
const SETTLE_MS = 60_000;

/** Runs the product's backend that a webhook reports to: cuts it off, kills it and starts it again. */
export class HookKeeper {
  readonly #file: string;
  readonly #random: Random;
  readonly #pace = new Paced(CUTS_PER_SECOND);
  #child = new Child<HookCall>("./hook.ts");
  #port = 0;
  #secret = "";
  readonly counts = { cuts: 0, deaths: 0 };

  constructor(dir: string, random: Random) {
    this.#file = join(dir, "hook");
    this.#random = random;
  }

  /** Everything is due as soon as this is answered, so it is done before everything else. */
  async start(requests: Requests, { administrator }: Product): Promise<void> {
    await this.#open();
    const wanted = { url: `http://127.0.0.1:${this.#port}/hook`, events: Object.keys(HOOK_EVENTS) };
    const { status, body } = await requests.ask(administrator, "POST", "/admin/webhooks", wanted);
    if (status !== 201) throw new Error(`no webhook: ${status} ${JSON.stringify(body)}`);
    this.#secret = String(body.secret);
    await this.#child.ask({ ask: "secret", secret: this.#secret });
  }

  /** Resolves after `end`, when the backend listens. */
  async run(): Promise<void> {
    await this.#pace.each(async () => {
      if (this.#random.between(1, DEATHS) === 1) {
        this.counts.deaths += 1;
        await this.#child.end();
        this.#child = new Child<HookCall>("./hook.ts");
        await this.#open();
      } else {
        this.counts.cuts += 1;
        await this.#child.ask({ ask: "cut" });
      }
    });
    await this.#child.ask({ ask: "calm" });
  }

  end(): void {
    this.#pace.end();
  }

  /** Waits until everything that is due has come, for a minute at most, and judges it. */
  async settle(evidence: Evidence): Promise<HookVerdict & { problems: Problems; tries: number }> {
    const begunAt = performance.now();
    for (;;) {
      const problems = new Problems();
      const arrivals = this.#arrivals();
      const db = new Database(await evidence.file(["events"]), { readonly: true });
      const verdict = checkHook(db, arrivals, problems);
      db.close();
      if (verdict.accepted === verdict.due || performance.now() - begunAt > SETTLE_MS) {
        return { ...verdict, problems, tries: arrivals.length };
      }
      await Bun.sleep(LOOK_MS);
    }
  }

  stop(): Promise<void> {
    return this.#child.end();
  }

  async #open(): Promise<void> {
    const seed = this.#random.between(0, 2 ** 31);
    const call = { ask: "open", port: this.#port, file: this.#file, secret: this.#secret, seed } as const;
    this.#port = await this.#child.ask<number>(call);
  }

  /** A line that was being written when the process died is left out. */
  #arrivals(): HookArrival[] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, "utf8").split("\n");
    return lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line) as HookArrival);
  }
}
