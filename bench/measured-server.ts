import { MeasuredProcess } from "./measured-process.ts";

const MAIN = new URL("../packages/server/src/main.ts", import.meta.url).pathname;

/** The real server on a data folder, in its own process. */
export class MeasuredServer extends MeasuredProcess {
  #port = 0;

  /**
   * Resolves when it is ready.
   * @param settings environment; rate limits are off, caps stay
   * @param core the processor that it is bound to
   */
  static async start(
    dataDir: string,
    settings: Record<string, string> = {},
    core: number | "any" = 0,
  ): Promise<MeasuredServer> {
    const env = {
      HOST: "127.0.0.1",
      PORT: "0",
      DATA_DIR: dataDir,
      LOG_LEVEL: "error",
      RATE_LIMITS: "off",
      DRAIN_DELAY_SECONDS: "0",
      ...settings,
    };
    const server = new MeasuredServer([process.execPath, MAIN, "serve"], { env, ...(core === "any" ? {} : { core }) });
    const ready = await server.line(/is ready: http:\/\/[^:/]+:(\d+)/);
    server.#port = Number(ready[1]);
    void server.#drain();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Keeps reading the output, or the server would wait for room in the pipe. */
  async #drain(): Promise<void> {
    await this.line(/^\b$/).catch(() => undefined);
  }
}
