import type { Bus, NodeId } from "../bus/bus.ts";
import { after, type Stop } from "../lib/interval.ts";
import type { Liveness } from "./liveness.ts";

interface GreetingsParts {
  readonly self: NodeId;
  readonly bus: Bus;
  readonly liveness: Liveness;
  /** Looks at the leases. */
  readonly look: () => Promise<void>;
  /** What people call this node. */
  readonly name: string;
  /** Called with what people call another node that is alive. */
  readonly onName: (node: NodeId, name: string) => void;
}

/** A node that has not answered by then may be dead, or the bus does not work. */
const ANSWER_MS = 1000;
const NAME_MAX = 128;

/** What a node says when it begins, when it ends and when its lease says something new, so that the others look at the leases then and not seconds later. */
export class Greetings {
  readonly #parts: GreetingsParts;
  readonly #waitsFor = new Set<NodeId>();
  #onGreeted: () => void = () => {};

  constructor(parts: GreetingsParts) {
    this.#parts = parts;
  }

  start(): Stop {
    const { bus } = this.#parts;
    const stops = [
      bus.subscribe((message, from) => {
        if (message.channel === "live") this.#hear(message.data, from);
      }),
      // Greetings were lost while the bus did not work, this node's own too.
      bus.onRestored(() => this.allLook()),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** Resolves when all others know this node, after a second at the latest. */
  async greet(): Promise<void> {
    const { bus, liveness } = this.#parts;
    for (const node of liveness.others()) this.#waitsFor.add(node);
    if (this.#waitsFor.size === 0) return;
    await new Promise<void>((resolve) => {
      const stops = [after(ANSWER_MS, resolve), bus.onRestored(() => this.#say("hello"))];
      this.#onGreeted = () => {
        for (const stop of stops) stop();
        resolve();
      };
      this.#say("hello");
    });
    this.#onGreeted = () => {};
  }

  /** Writes anew what this node's lease says, and has the others read it. */
  allLook(): void {
    void this.#parts.look().then(() => this.#say("look"));
  }

  /** The lease is gone by now. */
  bye(): void {
    this.#say("bye");
  }

  #say(kind: "hello" | "known" | "look" | "bye", to?: NodeId): void {
    const { bus, name } = this.#parts;
    bus.publish({ channel: "live", data: { kind, to, name } });
  }

  #hear(data: unknown, from: NodeId): void {
    const { kind, to, name } = Object(data) as { kind?: unknown; to?: unknown; name?: unknown };
    const { self, liveness, look } = this.#parts;
    if ((kind === "bye" || kind === "look") && liveness.isAlive(from)) void look();
    if (kind === "hello") {
      void look().then(() => {
        if (!liveness.isAlive(from)) return;
        this.#say("known", from);
        this.#learn(from, name);
      });
    }
    // All others hear it, so they learn the names of those that were there before them.
    if (kind === "known" && liveness.isAlive(from)) this.#learn(from, name);
    if (kind !== "known" || to !== self) return;
    if (this.#waitsFor.delete(from) && this.#waitsFor.size === 0) this.#onGreeted();
  }

  #learn(node: NodeId, name: unknown): void {
    if (typeof name === "string" && name.length <= NAME_MAX) this.#parts.onName(node, name);
  }
}
