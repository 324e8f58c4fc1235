import type { ConnectionStatus, PushFrame } from "./connection.ts";

/** What fills the page at a time. The live connection's news go to the view that is shown. */
export interface View {
  readonly node: HTMLElement;
  /** Called once it is in the page. */
  shown?(): void;
  onStatus?(status: ConnectionStatus): void;
  onFrame?(frame: PushFrame): void;
  /** Everything from here on comes by frames; read the state before. */
  onFresh?(): void;
  /** The live connection is open and nobody's. */
  onAnonymous?(): void;
  /** Called once, when another view takes its place. */
  removed?(): void;
}
