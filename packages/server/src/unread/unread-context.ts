import type { RedDot } from "@parley/protocol";
import type { RoomsContext } from "../rooms/rooms-context.ts";
import type { ReadRound } from "./read-round.ts";
import { tellReads } from "./read-writes.ts";
import { SelfGate } from "./self-gate.ts";

/** What the actions of red dots need. */
export interface UnreadContext extends RoomsContext {
  readonly selfGate: SelfGate;
  readonly readRound: Pick<ReadRound, "note">;
  /** Counts what is unread, together for all who ask in one turn (`reader-starts.ts`). */
  readonly starts: { redDotOf(uid: number): Promise<RedDot & { asOf: string }> };
}

/** A gate that logs SELF; the server calls `start` and, at the end, `flush({ everything: true })`. */
export function newSelfGate({ writes, clock }: Pick<UnreadContext, "writes" | "clock">): SelfGate {
  return new SelfGate(clock, (reads) => writes.run(tellReads, { reads }));
}
