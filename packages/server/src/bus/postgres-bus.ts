import { Socket } from "node:net";
import type { Client, ClientConfig } from "pg";
import { after } from "../lib/interval.ts";
import type { Logger } from "../ops/logger.ts";
import type { NodeId } from "./bus.ts";
import type { BusFrame } from "./bus-frame.ts";
import type { BusLine, LineEvents } from "./bus-line.ts";
import { NetworkBus } from "./network-bus.ts";
import { Pieces, piecesOf } from "./notify-chunks.ts";

/** Channels belong to a database, and a database to one installation. */
const CHANNEL = "parley";
/** While one node sends, others may have to wait, because PostgreSQL commits transactions that notify one after another. */
const GATHER_MS = 5;
/** A server that has not confirmed the end of a connection by then is not asked any longer. */
const END_MS = 500;

/**
 * A NOTIFY holds a lock of the whole PostgreSQL server through its commit. The bus's own commits at once: it writes nothing, so it waits for no
 * disk and no standby. Another program's may hold the lock for long. A statement that waits for it must end; otherwise each new connection would leave one more waiting.
 */
const SENDER_SETTINGS = "set lock_timeout = '2s'; set statement_timeout = '2s'";

/**
 * The bus of several nodes that have only PostgreSQL: its notifications, on two separate connections of each node. They are never part of a
 * transaction that writes. For the log they carry only how far it goes, at most every 5 ms.
 */
export function openPostgresBus(parts: {
  node: NodeId;
  url: string;
  logger: Logger;
  /** Of Redis. */
  isStandIn?: boolean;
}): NetworkBus {
  const { node, url, logger, isStandIn } = parts;
  return new NetworkBus({
    node,
    logger,
    isStandIn,
    service: "PostgreSQL NOTIFY",
    withEvents: false,
    gatherMs: GATHER_MS,
    newLine: (events) => new PostgresLine(url, events),
  });
}

class PostgresLine implements BusLine {
  readonly #url: string;
  readonly #events: LineEvents;
  readonly #pieces = new Pieces();
  readonly #connections: Connection[] = [];
  #sender: Client | undefined;
  #isClosed = false;
  #number = 0;

  constructor(url: string, events: LineEvents) {
    this.#url = url;
    this.#events = events;
  }

  async open(): Promise<void> {
    const [sender, listener] = await Promise.all([this.#connect("parley bus sender"), this.#connect("parley bus")]);
    listener.on("notification", ({ channel, payload = "" }) => {
      const frame = channel === CHANNEL && !this.#isClosed ? this.#pieces.take(payload) : undefined;
      if (frame) this.#events.heard(frame);
    });
    await Promise.all([sender.query(SENDER_SETTINGS), listener.query(`listen ${CHANNEL}`)]);
    this.#sender = sender;
  }

  async send(frames: readonly BusFrame[]): Promise<void> {
    const pieces = frames.flatMap((frame) => {
      this.#number += 1;
      return piecesOf(frame, this.#number);
    });
    const text = "select pg_notify($1, piece) from unnest($2::text[]) as piece";
    await this.#sender?.query({ text, values: [CHANNEL, pieces], rowMode: "array" });
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections) end(connection);
  }

  async #connect(name: string): Promise<Client> {
    // Loaded only where it is needed, since it takes 12 MB.
    const pg = (await import("pg")).default;
    if (this.#isClosed) throw new Error("the bus was closed");
    // A socket that is known can be ended even if the server no longer answers.
    const socket = new Socket();
    const config: ClientConfig = {
      connectionString: this.#url,
      application_name: name,
      keepAlive: true,
      stream: () => socket,
    };
    const client = new pg.Client(config);
    this.#connections.push({ client, socket });
    const lost = (cause?: unknown) => {
      if (!this.#isClosed) this.#events.lost(cause);
    };
    client.on("error", lost).on("end", () => lost());
    await client.connect();
    const { rows } = await client.query("select pg_is_in_recovery() as standby");
    if (rows[0]?.standby) throw new Error("this server is a standby, which carries no notifications");
    return client;
  }
}

interface Connection {
  readonly client: Client;
  readonly socket: Socket;
}

function end({ client, socket }: Connection): void {
  const stop = after(END_MS, () => socket.destroy());
  client.end().then(stop, () => {
    stop();
    socket.destroy();
  });
}
