import { type NodeId, newNodeId } from "../bus/bus.ts";
import { after, withDeadline } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import type { NodePlace } from "../nodes/channel.ts";
import { LivingNodes } from "../nodes/liveness.ts";
import { Link } from "./link.ts";
import type { SupervisorAsks, SupervisorTells, Welcome, WorkerAsks, WorkerTells } from "./messages.ts";
import { SocketBus } from "./socket-bus.ts";

/** Of a supervisor that is there; it answers its first worker as soon as it listens. */
const WELCOME_MS = 10_000;
/** What it answers without waiting for anything but its workers, which have a second. */
const ANSWER_MS = 2000;

/** What a worker answers its supervisor. */
export type WorkerAnswers = (question: SupervisorAsks) => Promise<unknown>;

/** A worker's end of the socket. */
export class SupervisorLink {
  readonly bus: SocketBus;
  readonly #living = new LivingNodes();
  readonly #link: Link<WorkerAsks, WorkerTells, SupervisorAsks, SupervisorTells>;
  readonly #welcomed = Promise.withResolvers<Welcome>();
  #welcome: Welcome | undefined;
  #answers: WorkerAnswers = async () => {
    throw new Error("the worker is starting");
  };
  #onResume: () => void = () => {};

  private constructor(node: NodeId, onLost: () => void) {
    const closed = () => {
      void this.bus.close();
      this.#welcomed.reject(new Error("the supervisor closed the socket"));
      onLost();
    };
    this.#link = new Link(
      {
        answer: async (question) => ("ping" in question ? true : this.#answers(question)),
        hear: (telling) => this.#hear(telling),
        closed,
      },
      { maxQueueBytes: CAPS.workerQueueBytes.count },
    );
    this.bus = new SocketBus(node, (message) => {
      // Much that waits would end the socket.
      if (this.#link.queuedBytes <= CAPS.workerBehindBytes.count) this.#link.tell({ bus: message });
    });
    // The caller of `connect` gets the reason, unless nobody waits for it any more.
    this.#welcomed.promise.catch(() => {});
  }

  /** @param at.onLost called once: the supervisor is gone, or has taken this process for lost */
  static async connect(at: { path: string; onLost: () => void; node?: NodeId }): Promise<SupervisorLink> {
    const { path, onLost, node = newNodeId() } = at;
    const self = new SupervisorLink(node, onLost);
    const open = (socket: Bun.Socket<unknown>) => self.#link.opened(socket);
    await Bun.connect({ unix: path, socket: { ...self.#link.handlers, open } });
    self.#link.tell({ hello: { pid: process.pid, node: self.bus.node } });
    self.#welcome = await withDeadline(self.#welcomed.promise, WELCOME_MS, "the supervisor does not answer");
    return self;
  }

  get welcome(): Welcome {
    if (!this.#welcome) throw new Error("the supervisor has not answered yet");
    return this.#welcome;
  }

  /** Its place among the processes of the machine. The end of a process's socket is its death. */
  get place(): NodePlace {
    return { self: this.bus.node, bus: this.bus, liveness: this.#living };
  }

  /** Questions that the supervisor has not answered. */
  get waiting(): number {
    return this.#link.waiting;
  }

  /**
   * A write waits for its turn, however long that takes. Everything else is answered at once, or refused with `overloaded`: a supervisor that stands
   * still must not have others wait.
   * @param onLate gets what was answered after the refusal
   */
  ask(question: WorkerAsks, onLate: (value: unknown) => void = () => {}): Promise<unknown> {
    if ("write" in question || "truncateJournal" in question) return this.#link.ask(question);
    if (this.waiting >= CAPS.workerWrites.count) return Promise.reject(unanswered());
    return this.#inTime(this.#link.ask(question), onLate);
  }

  async #inTime(answer: Promise<unknown>, onLate: (value: unknown) => void): Promise<unknown> {
    const late = Promise.withResolvers<never>();
    const stop = after(ANSWER_MS, () => {
      answer.then(onLate, () => {});
      late.reject(unanswered());
    });
    try {
      return await Promise.race([answer, late.promise]);
    } finally {
      stop();
    }
  }

  tell(telling: WorkerTells): void {
    this.#link.tell(telling);
  }

  /** From now on the supervisor is answered by these. */
  answerBy(answers: WorkerAnswers, onResume: () => void): void {
    this.#answers = answers;
    this.#onResume = onResume;
  }

  close(): void {
    this.#link.close();
  }

  #hear(telling: SupervisorTells): void {
    if ("bus" in telling) this.bus.hear(telling.bus, telling.from);
    else if ("alive" in telling) this.#alive(telling.alive);
    else if ("welcome" in telling) this.#welcomed.resolve(telling.welcome);
    else this.#onResume();
  }

  #alive(nodes: readonly NodeId[]): void {
    const alive = new Set(nodes);
    alive.delete(this.bus.node);
    for (const node of this.#living.others()) if (!alive.has(node)) this.#living.down(node);
    for (const node of alive) this.#living.up(node);
  }
}

function unanswered(): ProblemError {
  return new ProblemError("overloaded", "A part of the server does not answer at the moment", { retryAfterMs: 1000 });
}
