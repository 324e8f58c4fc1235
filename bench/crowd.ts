import { join } from "node:path";
import { MeasuredProcess } from "./measured-process.ts";

/** What one run of the crowd measured. */
export interface CrowdRun {
  readonly deliveries: number;
  readonly seconds: number;
  /** Milliseconds from when a message was due until a reader had it. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** A number in a published text that no other message has: the crowd puts the time there. */
export const NUMBER = "@".repeat(20);

/** Readers, and one who publishes to them; see `native/crowd.c`. */
export class Crowd {
  readonly #process: MeasuredProcess;

  private constructor(process: MeasuredProcess) {
    this.#process = process;
  }

  /**
   * Resolves when all readers are live.
   * @param wish.live what the last frame before a reader is live begins with; "" when it is live with the handshake
   * @param wish.publish `ws`, or the path that takes a POST
   */
  static async open(
    wish: { program: string; folder: string; port: number; readers: number; tokens: string; live: string } & {
      publish: string;
      template: string;
    },
  ): Promise<Crowd> {
    const template = join(wish.folder, `template-${wish.port}`);
    await Bun.write(template, wish.template);
    const args = [String(wish.port), String(wish.readers), wish.tokens, wish.live, wish.publish, template];
    const process = new MeasuredProcess([wish.program, ...args], { core: 1 });
    await process.line(/^ready$/);
    return new Crowd(process);
  }

  /** `times` times: publishes `inFlight` messages at once and waits until every reader has all of them. */
  rounds(inFlight: number, times: number): Promise<CrowdRun> {
    return this.#run(`rounds ${inFlight} ${times}`);
  }

  /** So many messages, each when it is due, whether or not the earlier ones have arrived. */
  rate(perSecond: number, messages: number): Promise<CrowdRun> {
    return this.#run(`rate ${perSecond} ${messages}`);
  }

  close(): Promise<void> {
    return this.#process.kill();
  }

  async #run(command: string): Promise<CrowdRun> {
    this.#process.tell(command);
    const [, done, rest] = await this.#process.line(/^(done|lost) (.*)$/);
    const numbers = (rest ?? "").split(" ").map(Number);
    if (done === "lost") throw new Error(`of ${numbers[0]} deliveries ${numbers[1]} came, then none for 30 s`);
    const [deliveries = 0, nanoseconds = 0, p50 = 0, p99 = 0, max = 0] = numbers;
    return { deliveries, seconds: nanoseconds / 1e9, p50Ms: p50 / 1000, p99Ms: p99 / 1000, maxMs: max / 1000 };
  }
}
