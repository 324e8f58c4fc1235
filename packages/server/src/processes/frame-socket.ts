import type { Socket } from "bun";
import { FrameFault, FrameReader, frameOf } from "./frames.ts";

interface FrameSocketParts {
  /** Gets each text that arrives, in order. What it throws ends the socket. */
  readonly onText: (text: string) => void;
  /** Called once, whatever ended it. */
  readonly onClose: (why: Error | undefined) => void;
  /** A socket that holds more than this ends: its other side reads nothing. */
  readonly maxQueueBytes: number;
}

/** One end of the socket between the supervisor and a worker: sends texts as frames, all of a turn of the loop in one write. */
export class FrameSocket {
  readonly #parts: FrameSocketParts;
  readonly #reader = new FrameReader();
  #socket: Socket<unknown> | undefined;
  #waiting: Buffer[] = [];
  #queuedBytes = 0;
  #willFlush = false;
  #isBlocked = false;
  #closed = false;

  constructor(parts: FrameSocketParts) {
    this.#parts = parts;
  }

  /** What was sent and is not in the kernel yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get isOpen(): boolean {
    return this.#socket !== undefined && !this.#closed;
  }

  send(text: string): void {
    this.sendFrame(frameOf(text));
  }

  /** The same for a frame that goes to several. */
  sendFrame(frame: Buffer): void {
    if (this.#closed) return;
    this.#waiting.push(frame);
    this.#queuedBytes += frame.byteLength;
    if (this.#queuedBytes > this.#parts.maxQueueBytes) return this.#end(new FrameFault("nobody reads the socket"));
    if (this.#willFlush || this.#isBlocked) return;
    this.#willFlush = true;
    setImmediate(() => {
      this.#willFlush = false;
      this.#flush();
    });
  }

  close(): void {
    this.#flush();
    this.#end(undefined);
  }

  /** What the runtime calls; `Bun.listen` and `Bun.connect` hand over the socket of each. */
  opened(socket: Socket<unknown>): void {
    this.#socket = socket;
    this.#flush();
  }

  arrived(piece: Uint8Array): void {
    if (this.#closed) return;
    try {
      for (const text of this.#reader.take(piece)) this.#parts.onText(text);
    } catch (error) {
      this.#end(error as Error);
    }
  }

  drained(): void {
    this.#isBlocked = false;
    this.#flush();
  }

  ended(error?: Error): void {
    this.#end(error);
  }

  #flush(): void {
    const socket = this.#socket;
    if (!socket || this.#closed || this.#isBlocked || this.#waiting.length === 0) return;
    const all = this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat(this.#waiting);
    const written = socket.write(all);
    if (written < 0) return this.#end(undefined);
    this.#isBlocked = written < all.byteLength;
    this.#waiting = this.#isBlocked ? [all.subarray(written)] : [];
    this.#queuedBytes = all.byteLength - written;
  }

  #end(why: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting = [];
    this.#socket?.end();
    this.#parts.onClose(why);
  }
}
