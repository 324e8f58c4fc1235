import type { NodeId } from "../bus/bus.ts";
import { after } from "../lib/interval.ts";
import type { NodeChannel } from "./channel.ts";

/** The answers to a question to all other nodes. */
export interface Answers<T> {
  readonly answers: T[];
  readonly byNode: ReadonlyMap<NodeId, T>;
  /** The nodes that did not answer in time. */
  readonly silent: NodeId[];
}

interface Asked {
  readonly answers: Map<NodeId, unknown>;
  readonly waitsFor: Set<NodeId>;
  readonly done: () => void;
}

/** How long an administrator waits for a node that does not answer. */
const DEADLINE_MS = 1000;

/**
 * Asks all other nodes at once. The nodes run the same code, so an answer has the type that this node would answer with. A node of another
 * version that does not know the question counts as silent.
 */
export class Questions {
  readonly #channel: NodeChannel;
  readonly #onError: (error: unknown) => void;
  readonly #answerers = new Map<string, (data: Record<string, unknown>) => unknown>();
  readonly #asked = new Map<number, Asked>();
  #count = 0;

  constructor(channel: NodeChannel, onError: (error: unknown) => void) {
    this.#channel = channel;
    this.#onError = onError;
    channel.on("ask", (data, from) => this.#answer(data, from));
    channel.on("answer", ({ to, id, answer }, from) => {
      if (to !== channel.place.self || typeof id !== "number") return;
      const asked = this.#asked.get(id);
      if (!asked?.waitsFor.delete(from)) return;
      asked.answers.set(from, answer);
      if (asked.waitsFor.size === 0) asked.done();
    });
  }

  /** Sets what this node answers to a question. */
  on(about: string, answer: (data: Record<string, unknown>) => unknown): void {
    this.#answerers.set(about, answer);
  }

  /** Resolves when all have answered, after a second at the latest. */
  async ask<T>(about: string, data: Record<string, unknown> = {}): Promise<Answers<T>> {
    const waitsFor = new Set(this.#channel.others);
    if (waitsFor.size === 0) return { answers: [], byNode: new Map(), silent: [] };
    const id = ++this.#count;
    const answers = new Map<NodeId, unknown>();
    await new Promise<void>((resolve) => {
      const stop = after(DEADLINE_MS, resolve);
      const done = () => {
        stop();
        resolve();
      };
      this.#asked.set(id, { answers, waitsFor, done });
      this.#channel.send("ask", { id, about, question: data });
    });
    this.#asked.delete(id);
    const byNode = answers as Map<NodeId, T>;
    return { answers: [...byNode.values()], byNode, silent: [...waitsFor] };
  }

  #answer({ id, about, question }: Record<string, unknown>, from: NodeId): void {
    const answerer = this.#answerers.get(String(about));
    if (!answerer) return;
    // A node that cannot answer sends nothing, and counts as silent.
    void (async () => {
      const answer = await answerer(question as Record<string, unknown>);
      this.#channel.send("answer", { to: from, id, answer });
    })().catch(this.#onError);
  }
}
