import { connect, createServer, type Server, type Socket } from "node:net";

const TICK_MS = 20;

/**
 * A slow line to a server: everything that its connections bring shares this many bytes a second. What goes up is not held back. When a
 * server sends faster, its bytes are left unread, so it feels the line as it would feel a real one.
 */
export class SlowLine {
  readonly #server: Server;
  readonly #pairs = new Map<Socket, Socket>();
  readonly #timer: Timer;
  /** What has come through so far. */
  bytes = 0;

  private constructor(target: string, bytesPerSecond: number) {
    const { hostname, port } = new URL(target);
    this.#server = createServer((client) => this.#pass(client, connect(Number(port), hostname)));
    this.#timer = setInterval(() => this.#bring((bytesPerSecond * TICK_MS) / 1000), TICK_MS);
  }

  static async open(target: string, bytesPerSecond: number): Promise<SlowLine> {
    const line = new SlowLine(target, bytesPerSecond);
    await new Promise<void>((resolve) => line.#server.listen(0, "127.0.0.1", resolve));
    return line;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  close(): void {
    clearInterval(this.#timer);
    this.cut();
    this.#server.close();
  }

  /** Breaks off everything that is open. */
  cut(): void {
    for (const client of [...this.#pairs.keys()]) client.destroy();
  }

  #pass(client: Socket, server: Socket): void {
    this.#pairs.set(client, server);
    client.on("data", (data) => server.write(data));
    // Nothing is read before it is this connection's turn.
    server.pause();
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.#pairs.delete(client);
        other.destroy();
      });
    }
  }

  /** One turn: each connection gets the same share, and what one of them does not need goes to the others. */
  #bring(budget: number): void {
    let left = Math.round(budget);
    // A paused socket reads only when it is asked to.
    for (const server of this.#pairs.values()) if (server.readableLength === 0) server.read(0);
    const waiting = [...this.#pairs].filter(([, server]) => server.readableLength > 0);
    waiting.sort(([, a], [, b]) => a.readableLength - b.readableLength);
    for (const [at, [client, server]] of waiting.entries()) {
      const share = Math.min(server.readableLength, Math.floor(left / (waiting.length - at)));
      const data = share > 0 ? (server.read(share) as Buffer | null) : null;
      if (!data) continue;
      left -= data.length;
      this.bytes += data.length;
      client.write(data);
    }
  }
}
