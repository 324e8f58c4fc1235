import { RateLimit } from "../http/rate-limit.ts";
import type { Clock } from "../lib/clock.ts";
import type { RoomsContext } from "../rooms/rooms-context.ts";
import type { KindRules } from "./kinds/kind.ts";
import type { MessageKinds } from "./kinds/kinds.ts";

/** What the actions of messages need. */
export interface MessagesContext extends RoomsContext {
  readonly kinds: MessageKinds;
  readonly kindRules: KindRules;
  readonly sendLimit: RateLimit;
}

/** Sends per user: 10 a second, 30 at once after a pause. */
export function newSendLimit(clock: Clock, enabled: boolean): RateLimit {
  return new RateLimit({ what: "messages", rate: { burst: 30, perSecond: 10 }, clock, enabled });
}
