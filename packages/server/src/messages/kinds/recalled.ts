import { MessageType } from "@parley/protocol";
import type { AboutMessage, MessageKind } from "./kind.ts";

/** A message of any kind after its recall: nothing of it is stored any more, and its body is the notice to show. */
export const recalled: MessageKind<never, Record<string, never>> = {
  type: MessageType.recalled,
  sent: null,
  store: () => ({}),
  show: (_, message) => notice(message),
  quote: (_, message) => notice(message),
};

function notice({ uid, recalledBy }: AboutMessage): string {
  return recalledBy === uid ? "The sender recalled this message" : "An administrator recalled this message";
}
