import { after } from "../lib/interval.ts";
import { once } from "../lib/once.ts";
import { ProblemError } from "../lib/problem.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { CAPS } from "../limits/caps.ts";
import { SIZES } from "../limits/sizes.ts";

/** A reply up to this size is left to the runtime and the kernel, which hold it together with the connection. */
const SMALL_BYTES = SIZES.smallReply.count;
const CHUNK_BYTES = 65_536;

/** Whose reply it is, a person or an address, and what ends its connection. */
export interface Asker {
  readonly who: string | number;
  readonly cut: () => void;
}

interface Bounds {
  readonly most?: number;
  readonly stallMs?: number;
}

/**
 * Large replies that wait for their readers. The runtime holds a reply until its reader has read it, and not reading costs a client
 * nothing, so without a bound some hundred connections would fill the memory. A large reply is handed over piece by piece as it is read,
 * and counts until its end. A reader who reads nothing for a while is cut.
 *
 * What the kernel takes counts as read, on most machines up to some megabytes for each connection.
 */
export class LargeReplies {
  readonly #most: number;
  readonly #stallMs: number;
  readonly #held = new Map<string | number, number>();
  #bytes = 0;

  /** @param limits others than the table's, for tests */
  constructor({ most = CAPS.untakenReplies.count, stallMs = CAPS.replyStall.count * 1000 }: Bounds = {}) {
    this.#most = most;
    this.#stallMs = stallMs;
  }

  /** What waits now, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Called before the reply is made, so that no work is wasted. People who already have something waiting may use what is still free of the
   * first half; the other half is for people who have nothing waiting. So it takes very many of them to leave no place for the next one.
   * @throws ProblemError `overloaded`
   */
  check(who: string | number): void {
    const held = this.#held.get(who) ?? 0;
    const most = held === 0 ? this.#most : this.#most / 2;
    if (held < most - this.#bytes) return;
    throw new ProblemError("overloaded", "Too many replies are waiting for their readers", { retryAfterMs: 5000 });
  }

  /** The reply as it is sent: unchanged if it is small. */
  async paced(reply: Response, asker: Asker): Promise<Response> {
    const { status, headers } = reply;
    const bytes = new Uint8Array(await reply.arrayBuffer());
    const body = bytes.byteLength <= SMALL_BYTES ? bytes : this.#stream(bytes, asker);
    return new Response(body, { status, headers });
  }

  #stream(bytes: Uint8Array, { who, cut }: Asker): ReadableStream<Uint8Array> {
    let at = 0;
    let takenAt = uptimeMs();
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    this.#count(who, bytes.byteLength);
    const look = () => {
      const leftMs = takenAt + this.#stallMs - uptimeMs();
      if (leftMs > 0) {
        stop = after(leftMs, look);
        return;
      }
      end();
      // No reason is given, since the runtime would print it. This drops what is queued.
      controller?.error(undefined);
      cut();
    };
    let stop = after(this.#stallMs, look);
    const end = once(() => {
      stop();
      this.#count(who, -bytes.byteLength);
    });
    return new ReadableStream<Uint8Array>(
      {
        start: (given) => {
          controller = given;
        },
        pull: (given) => {
          takenAt = uptimeMs();
          if (at < bytes.byteLength) {
            given.enqueue(bytes.subarray(at, at + CHUNK_BYTES));
            at += CHUNK_BYTES;
            return;
          }
          end();
          given.close();
        },
        cancel: end,
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
    );
  }

  #count(who: string | number, bytes: number): void {
    this.#bytes += bytes;
    const held = (this.#held.get(who) ?? 0) + bytes;
    if (held > 0) this.#held.set(who, held);
    else this.#held.delete(who);
  }
}
