import { join } from "node:path";
import { MeasuredProcess } from "./measured-process.ts";

/** How long messages took, in milliseconds, from when one was due until a reader had it. */
export interface Delays {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What one run of the crowd measured. */
export interface CrowdRun extends Delays {
  readonly deliveries: number;
  readonly seconds: number;
  /** From a message's answer until a reader on another node had it, 0 where it came before the answer; all 0 with one node. */
  readonly afterAnswer: Delays;
}

/** Counts between two moments, while messages were due at a rate. */
export interface CrowdWindow<Sample> extends Delays {
  readonly deliveries: number;
  /** HTTP requests of the readers. */
  readonly requests: number;
  /** Bytes on the readers' sockets, from them and to them. */
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** What the caller looked at in these two moments. */
  readonly before: Sample;
  readonly after: Sample;
}

/** How a crowd resumed. Delays run from a reader's connect until it is live. */
export interface CrowdResumed extends Delays {
  /** From the first connect until all were live. */
  readonly seconds: number;
  /** How many messages the reader with the fewest, and the one with the most, got before it was live. */
  readonly fewest: number;
  readonly most: number;
  /** Other logged frames and RESYNCs, of all readers. */
  readonly others: number;
}

/** A placeholder in a published text, which the crowd replaces by the time, so that no two messages are the same. */
export const NUMBER = "@".repeat(20);

/** Readers, and one publisher; see `native/crowd.c` and, for readers over HTTP, `native/http-readers.c`. */
export class Crowd {
  readonly #process: MeasuredProcess;
  /** How it resumed, where it was opened with cursors. */
  readonly resumed: CrowdResumed | undefined;

  private constructor(process: MeasuredProcess, resumed: CrowdResumed | undefined) {
    this.#process = process;
    this.resumed = resumed;
  }

  /**
   * Resolves when all readers are live.
   * @param wish.otherPorts of further nodes: the readers are spread over all, and the first one is published to
   * @param wish.live how the last frame before a reader is live begins; "" when the handshake makes it live. For
   *   `http-readers`, its mode
   * @param wish.publish `ws`, or the path that takes a POST
   * @param wish.cursors a file of cursors that the readers resume from
   */
  static async open(
    wish: { program: string; folder: string; port: number; readers: number; tokens: string; live: string } & {
      publish: string;
      template: string;
      cursors?: string;
      otherPorts?: readonly number[];
    },
  ): Promise<Crowd> {
    const template = join(wish.folder, `template-${wish.port}`);
    await Bun.write(template, wish.template);
    const args = [
      [wish.port, ...(wish.otherPorts ?? [])].join(),
      String(wish.readers),
      wish.tokens,
      wish.live,
      wish.publish,
      template,
    ];
    if (wish.cursors !== undefined) args.push(wish.cursors);
    const process = new MeasuredProcess([wish.program, ...args], { core: 1 });
    try {
      const resumed = wish.cursors === undefined ? undefined : resumedOf((await process.line(/^resumed (.*)$/))[1]);
      await process.line(/^ready$/);
      return new Crowd(process, resumed);
    } catch (error) {
      await process.kill();
      throw error;
    }
  }

  /** Publishes `inFlight` messages at once and waits until every reader has all of them, `times` times over. */
  rounds(inFlight: number, times: number): Promise<CrowdRun> {
    return this.#run(`rounds ${inFlight} ${times}`);
  }

  /** Publishes this many messages, each when it is due, whether or not the earlier ones have arrived. */
  rate(perSecond: number, messages: number): Promise<CrowdRun> {
    return this.#run(`rate ${perSecond} ${messages}`);
  }

  /**
   * Publishes at a rate (0: nothing), and counts for `seconds` after `leadSeconds` at the same rate.
   * @param wish.recipients readers that get each message
   * @param look called at the beginning and at the end of the time that counts
   * @throws when a message did not reach each recipient exactly once and in order
   */
  async window<Sample>(
    wish: { perSecond: number; leadSeconds: number; seconds: number; recipients: number },
    look: () => Sample,
  ): Promise<CrowdWindow<Sample>> {
    this.#process.tell(`window ${wish.perSecond} ${wish.leadSeconds} ${wish.seconds} ${wish.recipients}`);
    await this.#process.line(/^begin$/);
    const before = look();
    await this.#process.line(/^end$/);
    const after = look();
    const [seen = 0, expected, disordered, deliveries = 0, requests = 0, bytesOut = 0, bytesIn = 0, ...delays] =
      await this.#answer();
    if (seen !== expected || disordered !== 0)
      throw new Error(`of ${expected} deliveries ${seen} came, ${disordered} of them out of order`);
    return { deliveries, requests, bytesOut, bytesIn, before, after, ...delaysOf(delays) };
  }

  /** Bytes that the readers have got so far. */
  async bytesIn(): Promise<number> {
    this.#process.tell("bytes");
    return Number((await this.#process.line(/^bytes (\d+)$/))[1]);
  }

  /** Writes the cursors from the readers' READY to a file, for a crowd that resumes. */
  async writeCursors(path: string): Promise<void> {
    this.#process.tell(`cursors ${path}`);
    await this.#process.line(/^written$/);
  }

  /** Stops the crowd where it is: its connections stay, and nothing is sent or read. */
  async pause(): Promise<void> {
    this.#process.tell("pause");
    await this.#process.line(/^paused$/);
  }

  goOn(): void {
    this.#process.tell("go");
  }

  close(): Promise<void> {
    return this.#process.kill();
  }

  async #run(command: string): Promise<CrowdRun> {
    this.#process.tell(command);
    const [deliveries = 0, nanoseconds = 0, ...delays] = await this.#answer();
    const afterAnswer = delaysOf(delays.slice(0, 3));
    return { deliveries, seconds: nanoseconds / 1e9, afterAnswer, ...delaysOf(delays.slice(3)) };
  }

  async #answer(): Promise<number[]> {
    const [, done, rest] = await this.#process.line(/^(done|lost) (.*)$/);
    const numbers = (rest ?? "").split(" ").map(Number);
    if (done === "lost") throw new Error(`of ${numbers[0]} deliveries ${numbers[1]} came, then none for 30 s`);
    return numbers;
  }
}

function resumedOf(text = ""): CrowdResumed {
  const [nanoseconds = 0, fewest = 0, most = 0, others = 0, ...delays] = text.split(" ").map(Number);
  return { seconds: nanoseconds / 1e9, fewest, most, others, ...delaysOf(delays) };
}

function delaysOf([p50 = 0, p99 = 0, max = 0]: readonly number[]): Delays {
  return { p50Ms: p50 / 1000, p99Ms: p99 / 1000, maxMs: max / 1000 };
}
