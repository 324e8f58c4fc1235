/** Sends unlogged frames to those who are live. The gateway is made after the features, so it is passed in later. */
export class LiveOnly {
  #publish: ((stream: string, frame: string) => void) | undefined;

  /** @param publish sends a frame that is not logged to everybody who is live in a stream */
  start(publish: (stream: string, frame: string) => void): void {
    this.#publish = publish;
  }

  publish(streams: readonly string[], frame: string): void {
    for (const stream of streams) this.#publish?.(stream, frame);
  }
}
