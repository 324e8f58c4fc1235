import { SonicBoom } from "sonic-boom";
import { after } from "../lib/interval.ts";
import { CAPS } from "../limits/caps.ts";

/** How long the end waits for lines that nobody reads. */
const FLUSH_MS = 1000;
/** What POSIX has a pipe take without mixing it with what others write. */
const PIPE_BYTES = 4096;
/** When a write that failed is tried again. */
const AGAIN_MS = 1000;

interface LogOutputOptions {
  readonly fd?: number;
  readonly maxBytes?: number;
  readonly isShared?: boolean;
}

/**
 * Writes log lines to a descriptor without ever waiting for it: another thread does the writing, and lines that were not taken yet are kept
 * here, up to a bound. A log collector that stops costs lines and not the service. Lines that find no place are counted, and `onLeftOut`
 * gets their number as soon as there is room again. A full disk counts as a stopped collector.
 */
export class LogOutput {
  readonly #out: SonicBoom;
  readonly #waiting = new Set<() => void>();
  #isIdle = true;
  /** One retry for all lines: each new line tries too, so with one retry for each failure there would be as many a second as there are lines. */
  #triesAgain = false;
  #leftOut = 0;
  #onLeftOut: (count: number) => void = () => {};

  /**
   * @param options.fd where lines go: standard output
   * @param options.isShared other processes write there too: what a pipe takes at once stays in one piece
   */
  constructor({ fd = 1, maxBytes = CAPS.logBytes.count, isShared = false }: LogOutputOptions = {}) {
    const maxWrite = isShared ? { maxWrite: PIPE_BYTES } : {};
    // A `minLength` above 0 is what makes `flush` try again.
    this.#out = new SonicBoom({ fd, sync: false, maxLength: maxBytes, minLength: 1, ...maxWrite });
    this.#out.on("drop", () => {
      this.#leftOut += 1;
    });
    this.#out.on("drain", () => this.#drained());
    // The lines are still kept, and a log has no other place to report the failure.
    this.#out.on("error", () => this.#tryAgain());
  }

  #tryAgain(): void {
    if (this.#triesAgain) return;
    this.#triesAgain = true;
    after(AGAIN_MS, () => {
      this.#triesAgain = false;
      this.#out.flush();
    });
  }

  onLeftOut(tell: (count: number) => void): void {
    this.#onLeftOut = tell;
  }

  write(line: string): void {
    this.#isIdle = false;
    this.#out.write(line);
  }

  /** Calls back when every line was written, at the latest after a second: for the moment before the process ends. */
  flush(done: () => void): void {
    if (this.#isIdle) return done();
    const finish = () => {
      stop();
      this.#waiting.delete(finish);
      done();
    };
    const stop = after(FLUSH_MS, finish);
    this.#waiting.add(finish);
  }

  #drained(): void {
    this.#isIdle = true;
    const count = this.#leftOut;
    this.#leftOut = 0;
    if (count > 0) this.#onLeftOut(count);
    if (this.#isIdle) for (const finish of this.#waiting) finish();
  }
}
