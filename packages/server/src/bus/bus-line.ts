import type { BusFrame } from "./bus-frame.ts";

/** What a line reports. */
export interface LineEvents {
  /** Every frame that comes in, this node's own included. */
  heard(frame: BusFrame): void;
  /** The line has ended by itself, or cannot be used any longer. May be called more than once. */
  lost(cause: unknown): void;
}

/** The connections to a service that carries the bus, for as long as they last. `NetworkBus` makes a new one when one is lost. */
export interface BusLine {
  /** Resolves when it sends and hears; rejects if it cannot. Called once. */
  open(): Promise<void>;
  /**
   * Sends frames, in order. Resolves when the service has them; rejects if it may lack some. There is only one call at a time.
   * May take forever on a dead connection that still looks open.
   */
  send(frames: readonly BusFrame[]): Promise<void>;
  /** Ends its connections, whatever state they are in; `events` is not called after that. */
  close(): void;
}

export type NewLine = (events: LineEvents) => BusLine;
