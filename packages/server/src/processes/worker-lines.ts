import type { BusMessage, NodeId } from "../bus/bus.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import { after } from "../lib/interval.ts";
import { CAPS } from "../limits/caps.ts";
import type { NodePlace } from "../nodes/channel.ts";
import { LivingNodes } from "../nodes/liveness.ts";
import { FrameFault } from "./frames.ts";
import { tellingFrame } from "./link.ts";
import type { SupervisorTells, WorkerAsks } from "./messages.ts";
import { SocketBus } from "./socket-bus.ts";
import { WorkerLine } from "./worker-line.ts";

/** How long the answer to a recall or a revocation waits for a worker that has not handled it. */
const EVERYWHERE_MS = 1000;

interface WorkerLinesParts {
  readonly node: NodeId;
  answer(question: WorkerAsks, line: WorkerLine): Promise<unknown>;
  /** A worker has said who it is. @returns whether it is one of ours */
  isOurs(line: WorkerLine): boolean;
  onHello(line: WorkerLine): void;
  onReady(line: WorkerLine): void;
  onClosed(line: WorkerLine): void;
  onFrozen(line: WorkerLine): void;
}

/** The sockets to all workers: what each batch is told by, and what relays the bus between them. */
export class WorkerLines {
  readonly #parts: WorkerLinesParts;
  readonly #lines = new Set<WorkerLine>();
  readonly #bus: SocketBus;
  readonly #living = new LivingNodes();
  readonly #waiting = new Set<() => void>();
  #events: LoggedEvent[] = [];
  #willTell = false;
  #listener: Bun.UnixSocketListener<WorkerLine> | undefined;

  constructor(parts: WorkerLinesParts) {
    this.#parts = parts;
    this.#bus = new SocketBus(parts.node, (message) => this.#relay(message, parts.node));
  }

  /** The supervisor's place among the processes. */
  get place(): NodePlace {
    return { self: this.#parts.node, bus: this.#bus, liveness: this.#living };
  }

  /** Those that have said who they are. */
  get all(): WorkerLine[] {
    return [...this.#lines];
  }

  listen(path: string): void {
    const of = (socket: Bun.Socket<WorkerLine>) => socket.data;
    this.#listener = Bun.listen<WorkerLine>({
      unix: path,
      socket: {
        open: (socket) => {
          socket.data = this.#newLine();
          socket.data.opened(socket as Bun.Socket<unknown>);
        },
        data: (socket, piece) => of(socket).handlers.data(socket as never, piece),
        drain: (socket) => of(socket).handlers.drain(socket as never),
        close: (socket, error) => of(socket).handlers.close(socket as never, error),
        error: (socket, error) => of(socket).handlers.error(socket as never, error),
      },
    });
  }

  close(): void {
    this.#listener?.stop(true);
    for (const line of this.#lines) line.close();
  }

  /** To be called for every announced event; what comes in one turn is told together. */
  onEvent(event: LoggedEvent): void {
    this.#events.push(event);
    if (this.#willTell) return;
    this.#willTell = true;
    queueMicrotask(() => this.tellEvents());
  }

  /** Tells what was announced, so that an answer which is sent next comes after it. */
  tellEvents(): void {
    this.#willTell = false;
    const events = this.#events;
    const last = events.at(-1);
    if (!last) return;
    this.#events = [];
    this.#relay({ channel: "log", events, upTo: last.pos }, this.#parts.node);
  }

  /** Everything up to here has been handed on in every worker. */
  lowestAnnounced(position: number): number {
    return Math.min(position, ...this.all.filter(({ isReady }) => isReady).map(({ announced }) => announced));
  }

  /** Resolves when every worker has handled what was announced up to `position`, at the latest after a second. */
  async whenAnnouncedEverywhere(position: number): Promise<void> {
    const isThere = () => this.lowestAnnounced(position) >= position;
    if (isThere()) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        stop();
        this.#waiting.delete(look);
        resolve();
      };
      const look = () => {
        if (isThere()) done();
      };
      const stop = after(EVERYWHERE_MS, done);
      this.#waiting.add(look);
    });
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }

  #newLine(): WorkerLine {
    const parts = this.#parts;
    return new WorkerLine({
      answer: (question, line) => parts.answer(question, line),
      onBus: (message, line) => {
        if (!this.#lines.has(line)) return;
        this.#bus.hear(message, line.node);
        this.#relay(message, line.node);
      },
      onAnnounced: () => this.#look(),
      onHello: (line) => {
        if (!parts.isOurs(line)) return line.close();
        this.#lines.add(line);
        parts.onHello(line);
        this.#living.up(line.node);
        this.#tellAlive();
      },
      onReady: (line) => parts.onReady(line),
      onClosed: (line) => {
        if (this.#lines.delete(line)) {
          this.#living.down(line.node);
          this.#tellAlive();
        }
        this.#look();
        parts.onClosed(line);
      },
      onFrozen: (line) => parts.onFrozen(line),
    });
  }

  #tellAlive(): void {
    const alive = [this.#parts.node, ...this.all.map(({ node }) => node)];
    for (const line of this.#lines) line.tell({ alive });
  }

  /** To all but the one that it is from. Encoded once. */
  #relay(message: BusMessage, from: NodeId): void {
    const others = this.all.filter(({ node }) => node !== from);
    if (others.length === 0) return;
    const whole = isLong(message) ? undefined : encoded({ bus: message, from });
    for (const line of others) {
      if (whole && !line.isBehind) line.tellFrame(whole);
      // The log has it; whatever else the bus carries may be lost.
      else if (message.channel === "log") line.tell({ bus: { ...message, events: [] }, from });
    }
  }
}

/** Undefined if it is too long for a frame. */
function encoded(telling: SupervisorTells): Buffer | undefined {
  try {
    return tellingFrame(telling);
  } catch (error) {
    if (error instanceof FrameFault) return undefined;
    throw error;
  }
}

/** Its reader fetches it from the log as it can. */
function isLong(message: BusMessage): boolean {
  if (message.channel !== "log") return false;
  let bytes = 0;
  for (const { data } of message.events) bytes += data.length;
  return bytes > CAPS.workerBatchBytes.count;
}
