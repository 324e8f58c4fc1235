import { appendFileSync } from "node:fs";
import { lastingPort } from "../../packages/server/test/free-port.ts";
import { ServerProcess } from "../../packages/server/test/server-process.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import { MovedClock } from "../moved-clock.ts";
import { ENTRY, SETTINGS } from "../server.ts";
import type { Troubles } from "../troubles.ts";

/** A node that cannot start because the database is away is started again, as systemd would do. */
const START_MS = 90_000;
const START_AGAIN_MS = 300;

export interface NodeParts {
  readonly number: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly troubles: Troubles;
  /** Gets what the node logs. */
  readonly logFile: string | undefined;
  /** Called when it has ended although nobody ended it. */
  readonly diedAlone: (why: string) => void;
}

/** One node of the cluster, always on the same port. */
export class ClusterNode {
  readonly port = lastingPort();
  readonly number: number;
  readonly clock = new MovedClock();
  readonly lives: { node: number; from: number; to: number }[] = [];
  readonly #parts: NodeParts;
  readonly #process: ServerProcess;
  #isMeantToLive = false;
  #endTrouble = () => {};
  /** The newest start that no plan asked for. Whatever is to happen to the node next waits for it. */
  #startedAgain: Promise<void> = Promise.resolve();

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.number = parts.number;
    const own = { PORT: String(this.port), ...(parts.logFile !== undefined && { LOG_LEVEL: "warn" }) };
    const settings = { ...SETTINGS, ...parts.settings, ...own, ...this.clock.env };
    this.#process = new ServerProcess(settings, { entry: ENTRY });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves when it is ready, however often it has to be started. @throws Error if it never is */
  async start(): Promise<void> {
    const deadline = performance.now() + START_MS;
    this.#endTrouble();
    this.#endTrouble = this.#parts.troubles.begin([this.number], "down");
    for (;;) {
      this.lives.push({ node: this.number, from: monotonicMs(), to: Number.POSITIVE_INFINITY });
      try {
        await this.#process.start();
        break;
      } catch (error) {
        await this.#process.kill();
        this.#ends();
        if (performance.now() > deadline) throw new Error(`node ${this.number} never started`, { cause: error });
        await Bun.sleep(START_AGAIN_MS);
      }
    }
    this.#endTrouble();
    this.#isMeantToLive = true;
    void this.#watch(this.lives.length);
  }

  async kill(): Promise<void> {
    await this.#startedAgain;
    this.#isMeantToLive = false;
    this.#ends();
    this.#endTrouble = this.#parts.troubles.begin([this.number], "down");
    await this.#process.kill();
    this.#keepLog();
  }

  /** SIGTERM, as for an update. @throws Error if it does not end well */
  async drain(): Promise<void> {
    await this.#startedAgain;
    this.#isMeantToLive = false;
    this.#ends();
    this.#endTrouble = this.#parts.troubles.begin([this.number], "down");
    const code = await this.#process.stop();
    this.#keepLog();
    if (code !== 0) throw new Error(`node ${this.number} ended with code ${code} after SIGTERM`);
  }

  /** SIGSTOP, and SIGCONT after so many milliseconds. Nobody notices at first: connections stay open, and the kernel accepts new ones. */
  async standStill(ms: number): Promise<void> {
    const end = this.#parts.troubles.begin([this.number], "stopped");
    this.signal("SIGSTOP");
    await Bun.sleep(ms);
    this.signal("SIGCONT");
    end();
  }

  signal(name: NodeJS.Signals): void {
    try {
      process.kill(this.#process.pid, name);
    } catch {
      // It has ended, which is reported where its process is waited for.
    }
  }

  async remove(): Promise<void> {
    this.#isMeantToLive = false;
    this.#keepLog();
    await this.#process.remove();
    this.clock.remove();
  }

  get commandEnv(): Record<string, string> {
    return this.#process.commandEnv;
  }

  async #watch(life: number): Promise<void> {
    const code = await this.#process.exited();
    if (!this.#isMeantToLive || this.lives.length !== life) return;
    this.#isMeantToLive = false;
    this.#ends();
    this.#keepLog();
    this.#parts.diedAlone(`node ${this.number} ended by itself, with code ${code}: ${this.#lastLines()}`);
    this.#startedAgain = this.start();
    await this.#startedAgain;
  }

  #ends(): void {
    const newest = this.lives.at(-1);
    if (newest) newest.to = Math.min(newest.to, monotonicMs());
  }

  #lastLines(): string {
    return this.#process.output.trim().split("\n").slice(-3).join(" ").slice(-600);
  }

  #keepLog(): void {
    const { logFile } = this.#parts;
    if (logFile === undefined) return;
    appendFileSync(logFile, `${this.#process.before}${this.#process.output}--- ended\n`);
    this.#process.output = "";
  }
}
