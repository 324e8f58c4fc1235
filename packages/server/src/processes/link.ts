import type { Socket, SocketHandler } from "bun";
import { carryError } from "../db/write-batch.ts";
import { type Answer, Asking, answerOf } from "./asking.ts";
import { FrameSocket } from "./frame-socket.ts";
import { frameOf } from "./frames.ts";
import type { Message } from "./messages.ts";

/** What one end of a socket does. */
export interface LinkEnd<Question, Telling> {
  answer(question: Question): Promise<unknown>;
  hear(telling: Telling): void;
  /** Called once. */
  closed(why: Error | undefined): void;
}

/**
 * Both directions of one socket between the supervisor and a worker: questions with answers, and tellings without. What one end sends
 * arrives in this order.
 */
export class Link<Asks, Tells, Questions, Hears> {
  readonly #asking = new Asking();
  readonly #socket: FrameSocket;
  readonly #end: LinkEnd<Questions, Hears>;

  constructor(end: LinkEnd<Questions, Hears>, { maxQueueBytes }: { maxQueueBytes: number }) {
    this.#end = end;
    this.#socket = new FrameSocket({
      onText: (text) => this.#arrived(JSON.parse(text) as Message<Questions, Hears>),
      onClose: (why) => {
        this.#asking.failAll(new LinkClosed("the other process is gone", { cause: why }));
        this.#end.closed(why);
      },
      maxQueueBytes,
    });
  }

  get queuedBytes(): number {
    return this.#socket.queuedBytes;
  }

  /** Questions that the other end has not answered. */
  get waiting(): number {
    return this.#asking.waiting;
  }

  /** @throws what the other end threw, or LinkClosed */
  ask(question: Asks): Promise<unknown> {
    return this.#asking.ask((id) => {
      if (!this.#socket.isOpen) return this.#asking.answered(id, { ok: false, error: closedError });
      this.#send({ ask: id, of: question });
    });
  }

  tell(telling: Tells): void {
    this.#send({ tell: telling });
  }

  /** The same for a text that goes to several: what `tellingFrame` has made. */
  tellFrame(frame: Buffer): void {
    this.#socket.sendFrame(frame);
  }

  close(): void {
    this.#socket.close();
  }

  /** For `Bun.listen` and `Bun.connect`. */
  opened(socket: Socket<unknown>): void {
    this.#socket.opened(socket);
  }

  get handlers(): Required<Pick<LinkHandlers, "data" | "drain" | "close" | "error">> {
    const socket = this.#socket;
    return {
      data: (_, piece) => socket.arrived(piece),
      drain: () => socket.drained(),
      close: (_, error) => socket.ended(error),
      error: (_, error) => socket.ended(error),
    };
  }

  #answer(ask: number, is: Answer): void {
    try {
      this.#send({ answer: ask, is });
    } catch (error) {
      // It is too long; that can be said.
      this.#send({ answer: ask, is: { ok: false, error: carryError(error as Error) } });
    }
  }

  #send(message: Message<Asks, Tells>): void {
    this.#socket.send(JSON.stringify(message));
  }

  #arrived(message: Message<Questions, Hears>): void {
    if ("tell" in message) return this.#end.hear(message.tell);
    if ("answer" in message) return this.#asking.answered(message.answer, message.is);
    const { ask, of } = message;
    void answerOf(() => this.#end.answer(of)).then((is: Answer) => this.#answer(ask, is));
  }
}

type LinkHandlers = SocketHandler<unknown>;

export class LinkClosed extends Error {
  override readonly name = "LinkClosed";
}

const closedError = { fault: "the other process is gone", stack: undefined };

/** A telling, encoded once for all that get it. */
export function tellingFrame<Tells>(telling: Tells): Buffer {
  return frameOf(JSON.stringify({ tell: telling }));
}
