import { formatCursor, Push, parseCursor } from "@parley/protocol";
import { withDeadline } from "../../src/lib/interval.ts";
import type { Person } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";

/** One of the ways in which a client reads its events. */
export interface Transport {
  readonly name: "websocket" | "sse" | "long-poll" | "short-poll";
  /**
   * Resolves when it reads: live, or on its way from the cursor. Without a cursor, it gets everything from now on.
   * @param person null: an anonymous reader
   * @throws Refused when the server answers with a problem document
   */
  open(url: string, person: Person | null, start?: Start): Promise<Reader>;
}

export interface Start {
  readonly cursor?: string;
  /** How many missed events are wanted instead of RESYNC `far`. */
  readonly max?: number;
}

export interface Reader {
  /** The frames so far, whatever the wire looked like. */
  readonly frames: readonly SeenFrame[];
  /** What the server said at the end: a close code or an HTTP status; 0 if it only ended. */
  readonly ended: number | undefined;
  until<T>(look: (frames: readonly SeenFrame[]) => T | undefined | false, what: string, ms?: number): Promise<T>;
  /** The position that a client has: the server's newest cursor, and the streams whose events it has seen since. */
  cursor(): string;
  close(): void;
}

/** A request that was answered with a problem document. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
  ) {
    super(`${status} ${code}`);
  }
}

/** The runtime itself answers a few requests, without a document. */
export async function refusal(response: Response): Promise<Refused> {
  const text = await response.text();
  return new Refused(response.status, text.startsWith("{") ? JSON.parse(text).code : "");
}

/** What all readers have in common: the frames, the wait for them, and the cursor that a client keeps. */
export class FrameLog {
  readonly frames: SeenFrame[] = [];
  ended: number | undefined;
  #base = "";
  readonly #since = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  constructor(cursor: string | undefined) {
    this.#base = cursor ?? "";
  }

  /** @param cursor the server's cursor, if the transport names one beside the frame */
  add(frame: SeenFrame, cursor?: string): void {
    this.frames.push(frame);
    if (frame.stream !== undefined) this.#since.set(frame.stream, frame.seq as number);
    const { type, data } = frame;
    if (type === Push.RESYNC && data.seq !== undefined) this.#since.set(data.stream, data.seq);
    const named = type === Push.CURSOR || type === Push.DRAIN || (type === Push.RESYNC && data.stream === "*");
    // A client without a cursor begins with READY's.
    const first = type === Push.READY && this.#base === "";
    if (named || first) this.stands(data.cursor);
    if (cursor !== undefined) this.stands(cursor);
    this.wake();
  }

  /** The server's cursor takes the place of what was gathered. */
  stands(cursor: string): void {
    this.#base = cursor;
    this.#since.clear();
  }

  cursor(): string {
    const base = parseCursor(this.#base);
    return formatCursor({ ...base, streams: new Map([...base.streams, ...this.#since]) });
  }

  end(how: number): void {
    this.ended ??= how;
    this.wake();
  }

  wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  async until<T>(look: (frames: readonly SeenFrame[]) => T | undefined | false, what: string, ms = 10_000): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<T>();
    const wake = () => {
      const found = look(this.frames);
      if (found) resolve(found);
    };
    this.#waiting.add(wake);
    wake();
    return withDeadline(promise, ms, `waited ${ms} ms for ${what}`)
      .catch((error: Error) => {
        const last = this.frames.slice(-8).map(({ type, stream, seq }) => [type, stream, seq].join(" "));
        throw new Error(`${error.message}; ended: ${this.ended}; last of ${this.frames.length}: ${last.join(", ")}`);
      })
      .finally(() => this.#waiting.delete(wake));
  }
}
