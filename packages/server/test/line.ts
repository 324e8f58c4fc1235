import { connect, createServer, type Socket } from "node:net";
import { after } from "../src/lib/interval.ts";
import { endLater } from "./left-running.ts";

type Direction = "toServer" | "toClient";
/** `open`: everything passes; `stalled`: connections are made and stay, and nothing passes; `cut`: there are none. */
type State = "open" | "stalled" | "cut";

/** The most that waits for its time in one direction of one connection, in bytes. */
const MOST_HELD = 16 * 1024 * 1024;

/**
 * A network between a client and a service on this machine, that a test can spoil: it delays each direction, stalls, is cut, and heals.
 * Clients connect to its port.
 */
export class Line {
  readonly #listener = createServer({ pauseOnConnect: true });
  #servicePort: number;
  readonly #delays: Record<Direction, number> = { toServer: 0, toClient: 0 };
  readonly #pairs = new Set<readonly [OneWay, OneWay]>();
  readonly #ended = endLater(() => this.close());
  #state: State = "open";
  /** Connections that were made through it so far. */
  connections = 0;

  constructor(servicePort: number) {
    this.#servicePort = servicePort;
    this.#listener.on("connection", (client: Socket) => this.#connect(client)).listen(0, "127.0.0.1");
  }

  get port(): number {
    return (this.#listener.address() as { port: number }).port;
  }

  /** From now on, what is sent arrives this many milliseconds later. */
  delay(ms: Partial<Record<Direction, number>>): void {
    Object.assign(this.#delays, ms);
  }

  /** Connections that are made from now on lead to another service, as when an address moves. */
  lead(servicePort: number): void {
    this.#servicePort = servicePort;
  }

  /** Ends all connections, and every new one at once, until it heals. */
  cut(): void {
    this.#state = "cut";
    for (const [up] of this.#pairs) up.end();
  }

  /** Keeps connections open and passes nothing, until it heals or is cut: nobody is told of it. */
  stall(): void {
    this.#state = "stalled";
    for (const pair of this.#pairs) for (const way of pair) way.hold();
  }

  /** Connections that are made from now on pass everything; those that hang go on hanging. */
  healForNew(): void {
    this.#state = "open";
  }

  /** Passes everything again, beginning with what a stall held. */
  heal(): void {
    this.#state = "open";
    for (const pair of this.#pairs) for (const way of pair) way.release();
  }

  async close(): Promise<void> {
    this.#ended();
    this.cut();
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()));
  }

  #connect(client: Socket): void {
    if (this.#state === "cut") return void client.destroy();
    this.connections += 1;
    const server = connect(this.#servicePort, "127.0.0.1");
    const end = () => {
      this.#pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    const up = new OneWay(client, server, { delayMs: () => this.#delays.toServer, end });
    const down = new OneWay(server, client, { delayMs: () => this.#delays.toClient, end });
    const pair = [up, down] as const;
    this.#pairs.add(pair);
    if (this.#state === "stalled") for (const way of pair) way.hold();
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", end).on("close", end);
    }
  }
}

/** One direction of one connection. */
class OneWay {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #parts: { delayMs(): number; end(): void };
  readonly #held: { readonly due: number; readonly bytes: Buffer | null }[] = [];
  #heldBytes = 0;
  #isHeld = false;
  #waits = false;

  constructor(from: Socket, to: Socket, parts: { delayMs(): number; end(): void }) {
    this.#from = from;
    this.#to = to;
    this.#parts = parts;
    from.on("data", (bytes: Buffer) => this.#take(bytes)).on("end", () => this.#take(null));
    to.on("drain", () => this.#flow());
    from.resume();
  }

  end(): void {
    this.#held.length = 0;
    this.#parts.end();
  }

  hold(): void {
    this.#isHeld = true;
    this.#from.pause();
  }

  release(): void {
    this.#isHeld = false;
    this.#pass();
    this.#flow();
  }

  #take(bytes: Buffer | null): void {
    const due = performance.now() + this.#parts.delayMs();
    this.#held.push({ due, bytes });
    this.#heldBytes += bytes?.length ?? 0;
    this.#pass();
    this.#flow();
  }

  /** Passes on everything whose time has come. */
  #pass(): void {
    while (!this.#isHeld && this.#held[0]) {
      const wait = this.#held[0].due - performance.now();
      if (wait > 0) return this.#passAfter(wait);
      const { bytes } = this.#held.shift() as { bytes: Buffer | null };
      this.#heldBytes -= bytes?.length ?? 0;
      if (bytes === null) this.#to.end();
      else this.#to.write(bytes);
    }
  }

  #passAfter(ms: number): void {
    if (this.#waits) return;
    this.#waits = true;
    after(ms, () => {
      this.#waits = false;
      this.#pass();
      this.#flow();
    });
  }

  /** Reads on only if there is room: a slow receiver slows its sender down, as on a real network. */
  #flow(): void {
    const isFull = this.#heldBytes > MOST_HELD || this.#to.writableNeedDrain;
    if (this.#isHeld || isFull) this.#from.pause();
    else this.#from.resume();
  }
}
