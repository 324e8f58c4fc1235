import { Push } from "@parley/protocol/events";
import type { User } from "../api/api-types.ts";
import type { PushFrame } from "../reading/push-frame.ts";

export type Person = Pick<User, "uid" | "name" | "avatar">;

/** People by uid, as they are called now. */
export type Names = ReadonlyMap<number, Person>;

/** A new name. It comes to people who share a room, and is not logged. */
export function isUser(push: PushFrame): boolean {
  return push.type === Push.USER;
}
