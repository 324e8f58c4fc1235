import { Line } from "../../packages/server/test/line.ts";
import { answer } from "../child.ts";

/*
 * The network between the nodes and the services that they need, in a separate process. Each node reaches each service through its own line, which
 * can be slowed down, stalled and cut.
 */

export type LinesCall =
  /** Opens a line to each of these ports. The answer is the ports of the lines. */
  | { readonly ask: "open"; readonly to: readonly number[] }
  /** `stall`: connections stay open and nothing passes. `cut`: connections end, and so do new ones. */
  | { readonly ask: "stall" | "cut" | "heal"; readonly line: number }
  | { readonly ask: "delay"; readonly line: number; readonly ms: number };

let lines: Line[] = [];

answer<LinesCall>((call) => {
  if (call.ask === "open") {
    lines = call.to.map((port) => new Line(port));
    return lines.map(({ port }) => port);
  }
  const line = lines[call.line];
  if (!line) throw new Error(`there is no line ${call.line}`);
  if (call.ask === "delay") line.delay({ toServer: call.ms, toClient: call.ms });
  else line[call.ask]();
  return undefined;
});
