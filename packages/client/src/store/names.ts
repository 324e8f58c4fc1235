import { Push } from "@parley/protocol/events";
import type { User } from "../api/api-types.ts";
import type { PushFrame } from "../reading/push-frame.ts";

export type Person = Pick<User, "uid" | "name" | "avatar">;

/** People by uid, with their current names. */
export type Names = ReadonlyMap<number, Person>;

/** A name has changed. People who share a room get this event, and it is not logged. */
export function isUser(push: PushFrame): boolean {
  return push.type === Push.USER;
}
