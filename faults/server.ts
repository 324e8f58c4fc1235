import { lastingPort } from "../packages/server/test/free-port.ts";
import { ServerProcess } from "../packages/server/test/server-process.ts";
import type { ServerLife } from "./check-starts.ts";
import type { FaultPlan, Installation, ServerFaults } from "./installation.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import { MovedClock } from "./moved-clock.ts";
import { Problems } from "./problems.ts";
import { restarts } from "./restarts.ts";

/**
 * Small limits, so that what takes a product half a minute happens within a few seconds. The log keeps everything, since
 * the checker reads it at the end.
 */
export const SETTINGS = {
  HOST: "127.0.0.1",
  HEARTBEAT_MS: "1000",
  IDLE_MS: "4000",
  MAX_QUEUE_BYTES: "65536",
  DRAIN_SECONDS: "1",
  DRAIN_DELAY_SECONDS: "0",
  RETENTION_MAX_EVENTS: "100000000",
  MAX_CONNECTIONS_PER_USER: "100",
};

const MAIN = new URL("../packages/server/src/main.ts", import.meta.url).pathname;
/** The same as `parley serve`, with shorter times of presence. */
export const ENTRY = new URL("./serve.ts", import.meta.url).pathname;

/** A server in a separate process, always on the same port and the same data, whose clock can be set. */
export class FaultyServer implements Installation {
  readonly port = lastingPort();
  readonly troubles = [];
  readonly elsewhereMs = 0;
  readonly problems = new Problems();
  readonly #clock = new MovedClock();
  readonly #process: ServerProcess;
  #kills = 0;
  #drains = 0;
  /** The processes so far, the newest one last. */
  readonly #lives: { node: number; from: number; to: number }[] = [];

  constructor() {
    const settings = { ...SETTINGS, PORT: String(this.port), ...this.#clock.env };
    this.#process = new ServerProcess(settings, { entry: ENTRY });
  }

  get ports(): number[] {
    return [this.port];
  }

  get movesClock(): boolean {
    return this.#clock.moves;
  }

  get faults(): ServerFaults {
    return { kills: this.#kills, drains: this.#drains, clockJumps: this.#clock.jumps };
  }

  /** Where its data is, from the first start on. */
  get place(): ServerProcess["place"] {
    return this.#process.place;
  }

  get lives(): readonly ServerLife[] {
    return this.#lives;
  }

  start(): Promise<void> {
    this.#lives.push({ node: 0, from: monotonicMs(), to: Number.POSITIVE_INFINITY });
    return this.#process.start();
  }

  /** Ends it again and again, spread over the run. */
  breakDown(plan: FaultPlan): Promise<void> {
    return restarts(this, plan);
  }

  async killAndRestart(): Promise<void> {
    this.#kills += 1;
    this.#ends();
    await this.#process.kill();
    await this.start();
  }

  /** Sends SIGTERM, as for an update. @throws Error if the server did not end well */
  async drainAndRestart(): Promise<void> {
    this.#drains += 1;
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    this.#ends();
    const code = await this.#process.stop();
    if (code !== 0) throw new Error(`the server ended with code ${code} after SIGTERM`);
  }

  jumpTo(offsetMs: number): void {
    this.#clock.set(offsetMs);
  }

  async parley(...args: string[]): Promise<void> {
    await runParley(this.#process.commandEnv, args);
  }

  killNow(): void {
    try {
      process.kill(this.#process.pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }

  async remove(): Promise<void> {
    await this.#process.remove();
    this.#clock.remove();
  }

  #ends(): void {
    const newest = this.#lives.at(-1);
    if (newest) newest.to = monotonicMs();
  }
}

/** Runs a command on the data that this environment leads to. @throws Error if it fails */
export async function runParley(env: Record<string, string>, args: readonly string[]): Promise<void> {
  const command = Bun.spawn([process.execPath, MAIN, ...args], { env, stdin: "ignore", stdout: "ignore" });
  if ((await command.exited) !== 0) throw new Error(`parley ${args.join(" ")} failed`);
}
