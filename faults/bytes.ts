const NONE = Buffer.alloc(0);

/** The beginning of something that has not come in whole. */
export class Bytes {
  #rest: Buffer = NONE;

  /** What was kept, and these. */
  with(chunk: Buffer): Buffer {
    return this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }

  /** Keeps what was not read of these. A copy: the runtime may use its buffer again. */
  keep(bytes: Buffer, from: number): void {
    this.#rest = from >= bytes.length ? NONE : Buffer.from(bytes.subarray(from));
  }
}
