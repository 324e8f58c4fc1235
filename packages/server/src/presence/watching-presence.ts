import type { Clock } from "../lib/clock.ts";
import type { Stop } from "../lib/interval.ts";
import type { NodeChannel } from "../nodes/channel.ts";
import { OtherNodes } from "./other-nodes.ts";
import { Presence } from "./presence.ts";

/**
 * The people who are online on all nodes, for a process that serves nobody, such as the supervisor, which tells the product's backend who comes
 * and goes. Nobody reads rooms there, so none are looked up.
 */
export function watchingPresence(parts: { channel: NodeChannel; clock: Clock; onError: (error: unknown) => void }): {
  readonly presence: Presence;
  readonly start: () => Stop;
} {
  const { channel, clock, onError } = parts;
  const presence = new Presence({
    clock,
    readRooms: async () => ({ asOf: 0, rows: [] }),
    readMembers: async () => [],
  });
  const others = new OtherNodes({ channel, presence, onError });
  return { presence, start: () => others.start() };
}
