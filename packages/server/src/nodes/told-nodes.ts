import type { Bus, NodeId } from "../bus/bus.ts";
import { after, type Stop } from "../lib/interval.ts";
import type { Liveness } from "./liveness.ts";

interface ToldNodesParts {
  readonly bus: Bus;
  readonly liveness: Liveness;
  /** How this node hands the log on. */
  readonly announcer: { whenAnnounced(position: number): Promise<void> };
  readonly onError: (error: unknown) => void;
}

/** How long an answer waits for a node that does not say that it has handed something on. */
const DEADLINE_MS = 1000;

interface Waiting {
  readonly upTo: number;
  readonly nodes: Set<NodeId>;
  readonly done: () => void;
}

/** Asks the other nodes whether they have handed on what was committed here. Answers that promise that something has ended everywhere wait for that. */
export class ToldNodes {
  readonly #parts: ToldNodesParts;
  readonly #waiting = new Set<Waiting>();

  constructor(parts: ToldNodesParts) {
    this.#parts = parts;
  }

  start(): Stop {
    const { bus, liveness, onError } = this.#parts;
    const stops = [
      bus.subscribe((message, from) => {
        if (message.channel !== "live") return;
        const { kind, upTo } = Object(message.data) as { kind?: unknown; upTo?: unknown };
        if (typeof upTo !== "number") return;
        if (kind === "told?") void this.#answer(upTo).catch(onError);
        if (kind === "told") this.#told(from, upTo);
      }),
      liveness.onDown((node) => this.#told(node, Number.POSITIVE_INFINITY)),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Resolves when all other nodes have handed on everything up to a position, after a second at the latest. */
  async whenTold(upTo: number): Promise<void> {
    const nodes = new Set(this.#parts.liveness.others());
    if (nodes.size === 0) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        stop();
        this.#waiting.delete(waiting);
        resolve();
      };
      const waiting: Waiting = { upTo, nodes, done };
      const stop = after(DEADLINE_MS, done);
      this.#waiting.add(waiting);
      this.#parts.bus.publish({ channel: "live", data: { kind: "told?", upTo } });
    });
  }

  /** The answer serves every node that has asked about this position or an earlier one. */
  async #answer(upTo: number): Promise<void> {
    const { announcer, bus } = this.#parts;
    await announcer.whenAnnounced(upTo);
    bus.publish({ channel: "live", data: { kind: "told", upTo } });
  }

  #told(from: NodeId, upTo: number): void {
    for (const waiting of this.#waiting) {
      if (upTo < waiting.upTo || !waiting.nodes.delete(from)) continue;
      if (waiting.nodes.size === 0) waiting.done();
    }
  }
}
