import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delay } from "../src/lib/interval.ts";
import { lastingPort } from "./free-port.ts";
import { endLater, endWithRun } from "./left-running.ts";
import { needs } from "./needs.ts";
import { PrivateProcess } from "./private-process.ts";

/** Whether tests that need Redis can run: `test.skipIf(!hasRedis)`. */
export const hasRedis = needs("redis-server") !== undefined;
/** Valkey speaks the same language. Debian 12 has no package of it, so CI does without. */
export const hasValkey = Bun.which("valkey-server") !== null;
if (!hasValkey) console.warn("valkey-server is not installed: tests of it are skipped");

export interface RedisOptions {
  /** Instead of `redis-server`. */
  readonly program?: "redis-server" | "valkey-server";
  readonly password?: string;
  /** Files of its certificate; it then speaks TLS only. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Further lines of its configuration. */
  readonly lines?: readonly string[];
  /** For all tests of this process, and not for the current one or its file. */
  readonly forRun?: boolean;
}

/**
 * A private instance of Redis on a free port of this machine, with its files in a temporary folder, both gone at the end. It stores
 * nothing. It can be killed and started again, on the same port.
 */
export class RedisServer {
  readonly port = lastingPort();
  readonly #dir = mkdtempSync(join(tmpdir(), "parley-redis-"));
  readonly #options: RedisOptions;
  readonly #ended: () => void;
  #process: PrivateProcess | undefined;

  private constructor(options: RedisOptions) {
    this.#options = options;
    this.#ended = (options.forRun ? endWithRun : endLater)(() => this.stop());
  }

  /** Resolves when it accepts connections. */
  static async start(options: RedisOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(options);
    await server.startAgain();
    return server;
  }

  /** @param port that of a line to it, instead of its own */
  url(port = this.port): string {
    const { password, tls } = this.#options;
    return `${tls ? "rediss" : "redis"}://${password ? `:${encodeURIComponent(password)}@` : ""}127.0.0.1:${port}`;
  }

  /** Its processes, for those who measure it. */
  get pids(): number[] {
    return this.#process?.pids ?? [];
  }

  get isRunning(): boolean {
    return this.#process !== undefined && !this.#process.hasEnded;
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** It stands still until `resume`; connections stay open. */
  freeze(): void {
    this.#process?.freeze();
  }

  resume(): void {
    this.#process?.resume();
  }

  /** On the same port. Resolves when it accepts connections. */
  async startAgain(): Promise<void> {
    const { program = "redis-server", password, tls, lines = [] } = this.#options;
    const ports = tls
      ? [
          "port 0",
          `tls-port ${this.port}`,
          `tls-cert-file ${tls.cert}`,
          `tls-key-file ${tls.key}`,
          "tls-auth-clients no",
        ]
      : [`port ${this.port}`];
    // In a file, since everybody on the machine sees a program's arguments.
    const config = join(this.#dir, "redis.conf");
    const text = ["bind 127.0.0.1", ...ports, 'save ""', "appendonly no", `dir ${this.#dir}`, ...lines];
    if (password) text.push(`requirepass ${JSON.stringify(password)}`);
    writeFileSync(config, `${text.join("\n")}\n`, { mode: 0o600 });
    const log = join(this.#dir, "log");
    this.#process = new PrivateProcess([program, config], { log });
    const deadline = performance.now() + 10_000;
    while (!(await accepts(this.port))) {
      if (!this.isRunning || performance.now() > deadline)
        throw new Error(`${program} did not start; it said:\n${await Bun.file(log).text()}`);
      await delay(5);
    }
  }

  async stop(): Promise<void> {
    this.#ended();
    await this.#process?.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** The instance that the tests of this process share. It starts at the first call. */
export async function sharedRedis(): Promise<RedisServer> {
  // The test runner kills what a test has started that exceeds its time limit.
  if (shared && !(await shared).isRunning) shared = undefined;
  shared ??= RedisServer.start({ forRun: true });
  return shared;
}
let shared: Promise<RedisServer> | undefined;

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, "127.0.0.1");
  socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}
