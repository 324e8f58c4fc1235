import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs } from "../packages/server/test/needs.ts";
import { ServerProcess } from "../packages/server/test/server-process.ts";
import type { ServerLife } from "./check-starts.ts";
import { monotonicMs } from "./monotonic-clock.ts";

/**
 * Small limits, so that what takes a product half a minute happens within a few seconds. The log keeps everything, since
 * the checker reads it at the end.
 */
const SETTINGS = {
  HOST: "127.0.0.1",
  HEARTBEAT_MS: "1000",
  IDLE_MS: "4000",
  MAX_QUEUE_BYTES: "65536",
  DRAIN_SECONDS: "1",
  RETENTION_MAX_EVENTS: "100000000",
  MAX_CONNECTIONS_PER_USER: "100",
};

const MAIN = new URL("../packages/server/src/main.ts", import.meta.url).pathname;
const ENTRY = new URL("./serve.ts", import.meta.url).pathname;

/** A server in a separate process, always on the same port and the same data, whose clock can be set. */
export class FaultyServer {
  readonly port: number;
  readonly #dir = mkdtempSync(join(tmpdir(), "parley-faults-"));
  readonly #process: ServerProcess;
  readonly #clockFile: number | undefined;
  /** False where there is no C compiler (except in CI): the clock then stays as it is. */
  readonly movesClock: boolean;
  kills = 0;
  drains = 0;
  clockJumps = 0;
  /** The processes so far, the newest one last. */
  readonly #lives: { from: number; to: number }[] = [];

  constructor() {
    this.port = freePort();
    const library = this.#buildClock();
    this.movesClock = library !== undefined;
    const clock = join(this.#dir, "clock");
    this.#clockFile = library === undefined ? undefined : openSync(clock, "w+");
    this.#setClock(0);
    const preload = library ? { LD_PRELOAD: library, MOVED_CLOCK_FILE: clock } : {};
    this.#process = new ServerProcess({ ...SETTINGS, PORT: String(this.port), ...preload }, { entry: ENTRY });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get databaseFile(): string {
    return join(this.#process.dir, "data", "parley.db");
  }

  get lives(): readonly ServerLife[] {
    return this.#lives;
  }

  start(): Promise<void> {
    this.#lives.push({ from: monotonicMs(), to: Number.POSITIVE_INFINITY });
    return this.#process.start();
  }

  async killAndRestart(): Promise<void> {
    this.kills += 1;
    this.#ends();
    await this.#process.kill();
    await this.start();
  }

  /** Sends SIGTERM, as for an update. @throws Error if the server did not end well */
  async drainAndRestart(): Promise<void> {
    this.drains += 1;
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    this.#ends();
    const code = await this.#process.stop();
    if (code !== 0) throw new Error(`the server ended with code ${code} after SIGTERM`);
  }

  /** From now on, the server's wall clock is this far from the true one. */
  jumpTo(offsetMs: number): void {
    if (!this.movesClock) return;
    this.clockJumps += 1;
    this.#setClock(offsetMs);
  }

  /** Runs `parley` with these words beside the server, on its data. @throws Error if it fails */
  async parley(...args: string[]): Promise<void> {
    const env = { PATH: process.env.PATH ?? "", DATA_DIR: join(this.#process.dir, "data") };
    const command = Bun.spawn([process.execPath, MAIN, ...args], { env, stdin: "ignore", stdout: "ignore" });
    if ((await command.exited) !== 0) throw new Error(`parley ${args.join(" ")} failed`);
  }

  /** The pid of the newest process; 0 before the first. */
  get pid(): number {
    return this.#process.pid;
  }

  async remove(): Promise<void> {
    await this.#process.remove();
    if (this.#clockFile !== undefined) closeSync(this.#clockFile);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #ends(): void {
    const newest = this.#lives.at(-1);
    if (newest) newest.to = monotonicMs();
  }

  #setClock(offsetMs: number): void {
    if (this.#clockFile === undefined) return;
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(offsetMs));
    writeSync(this.#clockFile, bytes, 0, 8, 0);
  }

  #buildClock(): string | undefined {
    const gcc = needs("gcc");
    if (!gcc) return undefined;
    const library = join(this.#dir, "moved-clock.so");
    const source = new URL("./native/moved-clock.c", import.meta.url).pathname;
    const built = Bun.spawnSync([gcc, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"]);
    if (built.exitCode !== 0) throw new Error(built.stderr.toString());
    return library;
  }
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
