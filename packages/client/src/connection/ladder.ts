import type { Transport } from "./transports/transport.ts";

/** The transports in the order of preference, and the one in use. */
export class Ladder {
  readonly #rungs: readonly Transport[];
  readonly #everReady = new Set<Transport>();
  #level = 0;
  /** Of the transport in use, in a row, while plain requests were answered. */
  #failures = 0;

  constructor(rungs: readonly Transport[]) {
    if (rungs.length === 0) throw new TypeError("there is no transport that this platform has");
    this.#rungs = rungs;
  }

  get current(): Transport {
    return this.#rungs[this.#level] as Transport;
  }

  get isTop(): boolean {
    return this.#level === 0;
  }

  /** Better ones than the one in use, the best first. */
  get better(): readonly Transport[] {
    return this.#rungs.slice(0, this.#level);
  }

  /** It carries frames: a later failure may be an accident. */
  carried(transport: Transport): void {
    this.#everReady.add(transport);
    if (transport === this.current) this.#failures = 0;
  }

  /**
   * It did not open while plain requests are answered, or shows nothing. One that has worked before gets a second chance, since
   * the server may have come back between the two, or is busy.
   * @returns whether there is another one to try at once
   */
  failed(transport: Transport): boolean {
    if (transport !== this.current) return false;
    this.#failures += 1;
    return this.#everReady.has(transport) && this.#failures < 2 ? false : this.stepDown(transport);
  }

  /** @returns false where there is none below, or another one is in use */
  stepDown(transport: Transport): boolean {
    if (transport !== this.current) return false;
    this.#failures = 0;
    if (this.#level === this.#rungs.length - 1) return false;
    this.#level += 1;
    return true;
  }

  /** Nothing here has worked for a while: everything is tried anew. */
  reset(): void {
    this.#level = 0;
    this.#failures = 0;
  }

  climbTo(transport: Transport): void {
    const level = this.#rungs.indexOf(transport);
    if (level < 0 || level >= this.#level) return;
    this.#level = level;
    this.#failures = 0;
  }
}
