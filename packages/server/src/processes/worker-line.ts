import type { NodeId } from "../bus/bus.ts";
import { every, type Stop } from "../lib/interval.ts";
import { CAPS } from "../limits/caps.ts";
import { Link } from "./link.ts";
import type { SupervisorAsks, SupervisorTells, WorkerAsks, WorkerTells } from "./messages.ts";

const PING_MS = 1000;
/** A worker that leaves so many unanswered is taken for frozen: the kernel would go on giving it connections. */
const UNANSWERED_MAX = 5;

export interface WorkerLineParts {
  answer(question: WorkerAsks, line: WorkerLine): Promise<unknown>;
  /** A message of this worker for the others. */
  onBus(message: Extract<WorkerTells, { bus: unknown }>["bus"], line: WorkerLine): void;
  /** It has announced more. */
  onAnnounced(): void;
  onHello(line: WorkerLine): void;
  onReady(line: WorkerLine): void;
  /** Called once. */
  onClosed(line: WorkerLine): void;
  onFrozen(line: WorkerLine): void;
}

/** The supervisor's end of the socket to one worker. */
export class WorkerLine {
  readonly #parts: WorkerLineParts;
  readonly #link: Link<SupervisorAsks, SupervisorTells, WorkerAsks, WorkerTells>;
  #stopPings: Stop = () => {};
  /** Looks that found the last ping unanswered. They are counted by looks, since the supervisor itself may have been held up. */
  #unanswered = 0;
  #isPinged = false;
  #announced = 0;
  /** The process that it says it is; 0 and empty before. */
  pid = 0;
  node: NodeId = "";
  isReady = false;

  constructor(parts: WorkerLineParts) {
    this.#parts = parts;
    this.#link = new Link<SupervisorAsks, SupervisorTells, WorkerAsks, WorkerTells>(
      {
        answer: (question) => parts.answer(question, this),
        hear: (telling) => this.#hear(telling),
        closed: () => {
          this.#stopPings();
          parts.onClosed(this);
        },
      },
      { maxQueueBytes: CAPS.workerQueueBytes.count },
    );
  }

  /** Everything up to here has been handed on in that process. */
  get announced(): number {
    return this.#announced;
  }

  /** Whether it is so far behind with reading that it is told positions only. */
  get isBehind(): boolean {
    return this.#link.queuedBytes > CAPS.workerBehindBytes.count;
  }

  opened(socket: Bun.Socket<unknown>): void {
    this.#link.opened(socket);
    this.#stopPings = every(PING_MS, () => this.#ping());
  }

  get handlers() {
    return this.#link.handlers;
  }

  ask(question: SupervisorAsks): Promise<unknown> {
    return this.#link.ask(question);
  }

  tell(telling: SupervisorTells): void {
    this.#link.tell(telling);
  }

  tellFrame(frame: Buffer): void {
    this.#link.tellFrame(frame);
  }

  close(): void {
    this.#link.close();
  }

  #ping(): void {
    if (this.#isPinged) {
      this.#unanswered += 1;
      if (this.#unanswered === UNANSWERED_MAX) this.#parts.onFrozen(this);
      return;
    }
    this.#isPinged = true;
    const answered = () => {
      this.#isPinged = false;
      this.#unanswered = 0;
    };
    this.#link.ask({ ping: true }).then(answered, answered);
  }

  #hear(telling: WorkerTells): void {
    if ("announced" in telling) {
      this.#announced = telling.announced;
      this.#parts.onAnnounced();
    } else if ("bus" in telling) {
      this.#parts.onBus(telling.bus, this);
    } else if ("hello" in telling) {
      this.pid = telling.hello.pid;
      this.node = telling.hello.node;
      this.#parts.onHello(this);
    } else {
      this.isReady = true;
      this.#parts.onReady(this);
    }
  }
}
