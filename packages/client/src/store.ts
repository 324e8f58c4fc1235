import { BACKOFF } from "./lib/backoff.ts";
import { chance, clock } from "./lib/surroundings.ts";
import type { StoreSource } from "./store/source.ts";
import { Store, type StoreOptions } from "./store/store.ts";

export type { StoredFriend } from "./store/friends.ts";
export type { MemberList, StoredMember } from "./store/member-list.ts";
export type { Members } from "./store/members.ts";
export type { MessageWindow } from "./store/message-window.ts";
export type { Messages } from "./store/messages.ts";
export type { Person } from "./store/names.ts";
export type { OwnItems } from "./store/own-list.ts";
export { type ReadPlaces, readersOf } from "./store/read-places.ts";
export type { StoredRoom } from "./store/room-after.ts";
export type { StoreSource } from "./store/source.ts";
export { Store, type StoreOptions, type StoreState } from "./store/store.ts";
export type { Unread } from "./store/unread.ts";
export type { View } from "./store/view.ts";

/**
 * What a program keeps of rooms, messages, members and people: read by this client, and kept up to date by its events. Make it right after the
 * client, before `start`. Nothing is read before the client is connected.
 */
export function createStore(client: StoreSource, options: StoreOptions = {}): Store {
  return new Store(client, options, { backoff: BACKOFF, random: chance, now: clock });
}
