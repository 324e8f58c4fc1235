/** What a connection writes to: a WebSocket of the runtime, or the body of an event stream. */
export interface Wire {
  /** Absent: a WebSocket of the runtime. */
  readonly transport?: "sse";
  send(frame: string): unknown;
  /** The same for a frame after which the client has everything up to `cursor`; for transports that name cursors on the wire. */
  sendAt?(frame: string, cursor: string): unknown;
  /** Runs `write`, which sends several frames; if the transport can do that, they leave in one write. */
  cork?(write: () => void): unknown;
  /** For transports whose clients come back by themselves: tells them how long to wait before that. */
  retryAfter?(ms: number): void;
  close(code: number, reason: string): void;
  /** Ends at once. */
  terminate(): void;
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  isSubscribed(topic: string): boolean;
  /** Bytes that the peer has not read yet. */
  getBufferedAmount(): number;
}
