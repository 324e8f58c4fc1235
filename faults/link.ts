import type { TCPSocketListener } from "bun";
import { type Conditions, type LinkFaultKind, Pipe } from "./pipe.ts";
import type { WireLog } from "./wire-log.ts";
import { WireRecord, type WireTexts } from "./wire-record.ts";
import { PollSession, WireTap } from "./wire-tap.ts";

/** The faults that can be put on the network between one client and the server. Times are milliseconds. */
export type LinkFault =
  | { readonly kind: "reset" | "end" }
  | { readonly kind: "mid-frame"; readonly bytes: number }
  | {
      readonly kind: "half-open" | "stall" | "slow" | "throttle" | "refuse" | "strand" | "no-upgrade" | "buffer";
      readonly ms: number;
    };

/** The pause between two reads of a client whose reading is throttled. */
const THROTTLE_MS = 40;

/**
 * The network between one client and the servers: its own port, its connections, and what is wrong with them. Each connection goes to the
 * next server that accepts it, and of one connection each further request: no client stays with a server.
 */
export class Link {
  readonly record: WireRecord;
  readonly #listener: TCPSocketListener<Pipe>;
  readonly #pipes = new Set<Pipe>();
  readonly #polls = new PollSession();
  readonly #conditions: Conditions = { noUpgrades: false, holdsStreams: false, throttleMs: 0 };
  readonly #timers = new Map<LinkFaultKind, ReturnType<typeof setTimeout>>();
  readonly #events = {
    cut: (kind: LinkFaultKind) => {
      this.cuts[kind] = (this.cuts[kind] ?? 0) + 1;
    },
    asksAgain: (pipe: Pipe) => {
      if (this.#servers.length < 2) return;
      pipe.leaveServer();
      this.#connect(pipe);
    },
    ended: (pipe: Pipe) => void this.#pipes.delete(pipe),
  };
  /** Connections that events came through and that a fault ended. */
  readonly cuts: Partial<Record<LinkFaultKind, number>> = {};
  readonly #servers: readonly number[];
  #turn: number;
  #refuses = false;

  /** @param servers their ports @param turn whose turn it is at first */
  constructor(servers: readonly number[], texts: WireTexts, turn = 0) {
    this.#servers = servers;
    this.#turn = turn;
    this.record = new WireRecord(texts.oldTexts, texts.hidden);
    this.#listener = Bun.listen<Pipe>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (client) => {
          if (this.#refuses) return void client.terminate();
          const tap = new WireTap(this.record, this.#polls);
          const pipe = new Pipe({ client, tap, conditions: this.#conditions, on: this.#events });
          client.data = pipe;
          this.#pipes.add(pipe);
          this.#connect(pipe);
        },
        data: ({ data }, bytes) => data?.fromClient(bytes),
        drain: ({ data }) => data?.drained("client"),
        end: ({ data }) => data?.clientEnded(),
        close: ({ data }) => data?.clientEnded(),
        error: ({ data }) => data?.clientEnded(),
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  get log(): WireLog {
    return this.record.log;
  }

  apply(fault: LinkFault): void {
    const pipes = [...this.#pipes];
    switch (fault.kind) {
      case "reset":
      case "end":
        for (const pipe of pipes) pipe.cut(fault.kind, fault.kind);
        break;
      case "mid-frame":
        for (const pipe of pipes) if (pipe.carries) pipe.cutAfter(fault.bytes);
        break;
      case "half-open":
        for (const pipe of pipes) pipe.freeze(fault.ms);
        break;
      case "stall":
        for (const pipe of pipes) pipe.pause(fault.ms, "both");
        break;
      case "slow":
        for (const pipe of pipes) pipe.slow(fault.ms);
        break;
      case "throttle":
        this.#conditions.throttleMs = THROTTLE_MS;
        this.#for(fault, () => {
          this.#conditions.throttleMs = 0;
        });
        break;
      case "refuse":
        this.#refuses = true;
        for (const pipe of pipes) pipe.cut("reset", "refuse");
        this.#for(fault, () => {
          this.#refuses = false;
        });
        break;
      // Connections stay until they break; there is no way back then.
      case "strand":
        this.#refuses = true;
        this.#for(fault, () => {
          this.#refuses = false;
        });
        break;
      case "no-upgrade":
        this.#conditions.noUpgrades = true;
        for (const pipe of pipes) if (pipe.carries === "websocket") pipe.cut("end", "no-upgrade");
        this.#for(fault, () => {
          this.#conditions.noUpgrades = false;
        });
        break;
      case "buffer":
        this.#conditions.holdsStreams = true;
        this.#for(fault, () => {
          this.#conditions.holdsStreams = false;
          for (const pipe of this.#pipes) pipe.release();
        });
        break;
    }
  }

  close(): void {
    this.#listener.stop(true);
    for (const pipe of [...this.#pipes]) pipe.cut("reset");
  }

  #connect(pipe: Pipe, tries = 0): void {
    if (tries === this.#servers.length) return pipe.cut("reset");
    const node = this.#turn++ % this.#servers.length;
    pipe.tap.leads(node);
    Bun.connect<Pipe>({
      hostname: "127.0.0.1",
      port: this.#servers[node] as number,
      data: pipe,
      socket: {
        open: (server) => pipe.connected(server),
        data: (server, bytes) => pipe.fromServer(server, bytes),
        drain: () => pipe.drained("server"),
        end: (server) => pipe.serverEnded(server),
        close: (server) => pipe.serverEnded(server),
        error: (server) => pipe.serverEnded(server),
      },
    }).catch(() => this.#connect(pipe, tries + 1));
  }

  /** A later fault of the same kind takes the place of the earlier one. */
  #for({ kind, ms }: { kind: LinkFaultKind; ms: number }, end: () => void): void {
    clearTimeout(this.#timers.get(kind));
    this.#timers.set(kind, setTimeout(end, ms));
  }
}
