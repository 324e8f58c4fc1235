import type { Kysely } from "kysely";
import type { BaseContext } from "../db/base-context.ts";
import type { Schema } from "../db/schema.ts";
import type { ShownMessage, TextChanges } from "../event-log/text-changes.ts";
import type { Presence } from "../presence/presence.ts";
import type { HallCount } from "./hall.ts";
import type { HallRules } from "./rooms.ts";

/** What the actions of rooms need. */
export interface RoomsContext extends BaseContext {
  readonly hall: HallRules;
  /** DIRECT=friends: people open direct rooms with friends, write to them there, and bring them into groups; nobody else. */
  readonly friendsOnly: boolean;
  readonly hallCount: HallCount;
  /** JSON texts of messages by id, as one person sees them. Passed in, because rooms do not ask messages. */
  readonly messageTexts: (
    db: Kysely<Schema>,
    asked: {
      readonly ids: readonly number[];
      readonly reader: number;
      readonly shows: (message: ShownMessage) => void;
    },
  ) => Promise<Map<number, string>>;
  readonly textChanges: TextChanges;
  readonly presence: Pick<Presence, "stateOf" | "count">;
}
