import { connect, createServer, type Server, type Socket } from "node:net";

type Kind = "websocket" | "sse" | "poll" | "other";

/** What happens to requests of a kind: they are refused with a proxy's page, or answered with headers and nothing after them. */
export type Treatment = "refuse" | "hold-back" | "busy" | "cut-hanging";

/**
 * A door between a client and its server, on a port that stays the same when the server's changes: it passes bytes on, refuses
 * upgrades, holds streams back, or is not there at all.
 */
export class Door {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly treated = new Map<Kind, Treatment>();
  /** Refused with a proxy's page, as by a proxy that passes on only some paths. */
  readonly refusedPaths = new Set<string>();
  /** The number of requests by kind, including refused ones. */
  readonly asked: Record<Kind, number> = { websocket: 0, sse: 0, poll: 0, other: 0 };
  /** Each request's first line. */
  readonly lines: string[] = [];
  /** Connections that clients have open, with the kind of the last request on each. */
  readonly #carrying = new Map<Socket, Kind>();
  target: string;
  /** While this is set, connections are dropped at once. */
  down = false;
  /** Replaces the origin of pages that have none. */
  origin = "null";
  /** The server appears below this path, which is removed on the way to it, as a proxy does. */
  prefix = "";
  /** How many more answers to sends are lost on the way. */
  loseAnswers = 0;

  private constructor(target: string) {
    this.target = target;
    this.#server = createServer((client) => this.#pass(client));
  }

  static async open(target: string): Promise<Door> {
    const door = new Door(target);
    await new Promise<void>((resolve) => door.#server.listen(0, "127.0.0.1", resolve));
    return door;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** How many connections are open whose last request was of this kind. */
  carrying(kind: Kind): number {
    return [...this.#carrying.values()].filter((one) => one === kind).length;
  }

  /** Breaks off everything that is open. */
  cut(): void {
    for (const socket of [...this.#open]) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #pass(client: Socket): void {
    if (this.down) return void client.destroy();
    const { hostname, port } = new URL(this.target);
    const server = connect(Number(port), hostname);
    this.#open.add(client).add(server);
    let kind: Kind = "other";
    let lose = false;
    client.on("data", (data) => {
      const text = data.toString("latin1");
      const line = /^(GET|POST|PUT|PATCH|DELETE) \S+/.exec(text)?.[0];
      if (line !== undefined) {
        kind = kindOf(line, text);
        this.#carrying.set(client, kind);
        this.asked[kind] += 1;
        this.lines.push(line);
        if (line.startsWith("POST") && line.endsWith("/messages") && this.loseAnswers > 0) {
          this.loseAnswers -= 1;
          lose = true;
        }
        if (!line.includes(` ${this.prefix}/`)) return void client.end(page(404));
        const [path = ""] = line.slice(line.indexOf("/")).split("?");
        if (this.treated.get(kind) === "refuse" || this.refusedPaths.has(path)) return void client.end(page(501));
        if (this.treated.get(kind) === "busy") return void client.end(page(503));
      }
      if (this.treated.get(kind) === "cut-hanging" && /"wait":[1-9]/.test(text)) return void client.destroy();
      const changed = this.prefix && line !== undefined ? text.replace(` ${this.prefix}/`, " /") : text;
      server.write(
        this.origin === "null" ? changed : changed.replace("Origin: null\r\n", `Origin: ${this.origin}\r\n`),
        "latin1",
      );
    });
    server.on("data", (data) => {
      if (lose) return void client.destroy();
      if (this.treated.get(kind) !== "hold-back") return void client.write(data);
      const end = data.indexOf("\r\n\r\n");
      if (data.toString("latin1", 0, 5) === "HTTP/" && end > 0) client.write((data as Buffer).subarray(0, end + 4));
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => {
        this.#open.delete(one);
        this.#carrying.delete(one);
        other.destroy();
      });
    }
  }
}

function kindOf(line: string, text: string): Kind {
  if (/\r\nupgrade: *websocket/i.test(text)) return "websocket";
  if (line.startsWith("GET /api/v1/events/stream")) return "sse";
  return line.startsWith("POST /api/v1/events") ? "poll" : "other";
}

function page(status: number): string {
  return `HTTP/1.1 ${status} No\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno`;
}
