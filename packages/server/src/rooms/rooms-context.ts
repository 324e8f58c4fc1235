import type { BaseContext } from "../db/base-context.ts";
import type { HallCount } from "./hall.ts";
import type { MessageTexts } from "./room-list.ts";
import type { HallRules } from "./rooms.ts";

/** What the actions of rooms need. */
export interface RoomsContext extends BaseContext {
  readonly hall: HallRules;
  readonly hallCount: HallCount;
  readonly messageTexts: MessageTexts;
}
