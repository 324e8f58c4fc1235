const NONE = Buffer.alloc(0);

/** The beginning of something that has not fully arrived. */
export class Bytes {
  #rest: Buffer = NONE;

  get isEmpty(): boolean {
    return this.#rest.length === 0;
  }

  /** The bytes that were kept, followed by these. */
  with(chunk: Buffer): Buffer {
    return this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }

  /** Keeps the bytes that were not read. They are copied, since the runtime may reuse its buffer. */
  keep(bytes: Buffer, from: number): void {
    this.#rest = from >= bytes.length ? NONE : Buffer.from(bytes.subarray(from));
  }
}
