import type { RoomsContext } from "../rooms/rooms-context.ts";
import type { SendHook } from "../webhooks/send-hook.ts";
import type { KindRules } from "./kinds/kind.ts";
import type { MessageKinds } from "./kinds/kinds.ts";

/** What the actions of messages need. */
export interface MessagesContext extends RoomsContext {
  readonly kinds: MessageKinds;
  readonly kindRules: KindRules;
  /** Undefined: the product is not asked. */
  readonly sendHook: SendHook | undefined;
}
