import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DatabasePlace, DataSettings } from "../src/db/open.ts";
import { withDeadline } from "../src/lib/interval.ts";
import { endLater } from "./left-running.ts";
import { dataEnv, dropDatabase, newDatabase, placeOf } from "./test-database.ts";

const MAIN = new URL("../src/main.ts", import.meta.url).pathname;

/** A server in a separate process, which can be killed. Its data outlives it until `remove`, or until its test or file ends. */
export class ServerProcess {
  readonly dir = mkdtempSync(join(tmpdir(), "parley-test-"));
  readonly #settings: Record<string, string>;
  readonly #command: string[];
  #process: Bun.Subprocess<"ignore", "pipe", "inherit"> | undefined;
  #data: DataSettings | undefined;
  #url = "";
  readonly #ended = endLater(() => this.remove());
  #read: Promise<void> | undefined;
  #printed = Promise.withResolvers<void>();
  /** What it printed until it was ready. */
  before = "";
  /** What it printed since then: log lines, from LOG_LEVEL on. */
  output = "";

  /**
   * @param options.entry the program to run instead of the server's
   * @param options.openFiles how many files it may open
   * @param options.diskMiB the size of a separate disk for its data, which only the server sees; others reach it by `disk`
   */
  constructor(
    settings: Record<string, string> = {},
    options: { entry?: string; openFiles?: number; diskMiB?: number } = {},
  ) {
    this.#settings = settings;
    this.#command = [process.execPath, options.entry ?? MAIN, "serve"];
    const { openFiles, diskMiB } = options;
    if (diskMiB) {
      const mount = `mkdir -p "$0" && mount -t tmpfs -o size=${diskMiB}m tmpfs "$0" && exec "$@"`;
      this.#command.unshift("unshare", "-rm", "sh", "-c", mount, join(this.dir, "data"));
    }
    if (openFiles) this.#command.unshift("sh", "-c", `ulimit -n ${openFiles} && exec "$@"`, "sh");
  }

  get url(): string {
    return this.#url;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Where its data is, from the first start on. */
  get data(): DataSettings {
    if (!this.#data) throw new Error("the server has not been started");
    return this.#data;
  }

  /** For a test that opens its database beside it. */
  get place(): DatabasePlace {
    return placeOf(this.data);
  }

  /** The environment of a command that works on its data. */
  get commandEnv(): Record<string, string> {
    return { PATH: process.env.PATH ?? "", ...dataEnv(this.data) };
  }

  /** Its data folder as this process reaches it, if the server has a separate disk. */
  get disk(): string {
    return join(`/proc/${this.pid}/root`, this.dir, "data");
  }

  /** Resolves when the ready line was printed. */
  async start(): Promise<void> {
    this.#data ??= await newDatabase(join(this.dir, "data"));
    const env = {
      ...this.commandEnv,
      HOST: "127.0.0.1",
      PORT: "0",
      LOG_LEVEL: "error",
      RATE_LIMITS: "off",
      DRAIN_DELAY_SECONDS: "0",
    };
    this.#process = Bun.spawn(this.#command, {
      env: { ...env, ...this.#settings },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.#url = await withDeadline(this.#ready(this.#process.stdout), 60_000, "the server did not become ready");
  }

  /** Resolves when it prints something more. */
  printed(): Promise<void> {
    return this.#printed.promise;
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.exited;
  }

  /** SIGTERM, without waiting for anything. */
  terminate(): void {
    this.#process?.kill("SIGTERM");
  }

  /** The exit code, when the process has ended. */
  async exited(): Promise<number> {
    await this.#read;
    return (await this.#process?.exited) ?? 0;
  }

  /** SIGTERM. @returns the exit code */
  stop(): Promise<number> {
    this.terminate();
    return this.exited();
  }

  async remove(): Promise<void> {
    this.#ended();
    await this.kill();
    if (this.#data) await dropDatabase(this.#data);
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #ready(stdout: ReadableStream<Uint8Array>): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    const reader = stdout.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`the server ended before it was ready: ${text}`);
      text += decoder.decode(value, { stream: true });
      // It waits for a whole line, so that what comes later begins with one.
      const url = /is ready: (\S+).*\n/.exec(text)?.[1];
      if (!url) continue;
      this.before = text;
      this.output = "";
      // The pipe has to be read on, or the server would wait for space in it.
      this.#read = (async () => {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return;
          this.output += decoder.decode(value, { stream: true });
          this.#printed.resolve();
          this.#printed = Promise.withResolvers();
        }
      })();
      return url.replace("localhost", "127.0.0.1");
    }
  }
}
