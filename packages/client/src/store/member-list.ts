import { ChangeType, Push } from "@parley/protocol/events";
import type { Member } from "../api/api-types.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import type { Names, Person } from "./names.ts";
import { uidsOf } from "./pushes.ts";

/** Somebody in a room; `presence` says whether they are online. */
export type StoredMember = Omit<Member, "activeStatus" | "lastOptTime">;

/** The members of a room, as far as they have been read. Pure. */
export interface MemberList {
  /** By uid. */
  readonly items: readonly StoredMember[];
  /** There are more, with higher uids. */
  readonly hasMore: boolean;
  /** `refused`: the user may not see them, as after leaving. */
  readonly state: "loading" | "ready" | "refused";
}

export interface KeptMembers extends MemberList {
  readonly nextCursor: string | undefined;
}

const NEWCOMER = { role: 3, mutedUntil: null };

export const NO_MEMBERS: KeptMembers = { items: [], hasMore: true, state: "loading", nextCursor: undefined };

/** The list with the next page added. */
export function withMembers(
  list: KeptMembers,
  { items, nextCursor }: { readonly items: readonly StoredMember[]; readonly nextCursor: string | null },
): KeptMembers {
  const hasMore = nextCursor !== null;
  return { items: put(list.items, items), hasMore, state: "ready", nextCursor: nextCursor ?? undefined };
}

export interface Newcomers {
  readonly nameOf: (uid: number) => Person;
}

/** The list after an event of the room. The same object where nothing has changed. */
export function membersAfter(list: KeptMembers, push: PushFrame, { nameOf }: Newcomers): KeptMembers {
  if (push.type === Push.MEMBER_UPDATE) {
    const { roomId: _, uid, ...changed } = push.data;
    return changedMember(list, uid, (member) => ({ ...member, ...changed }));
  }
  if (push.type === Push.USER) return withMemberNames(list, new Map([[push.data.uid, push.data]]));
  if (push.type !== Push.MEMBER_CHANGE) return list;
  const uids = uidsOf(push.data);
  if (push.data.changeType === ChangeType.left) {
    const items = list.items.filter(({ uid }) => !uids.includes(uid));
    return items.length === list.items.length ? list : { ...list, items };
  }
  const last = list.items.at(-1)?.uid ?? 0;
  const { joinedAt = 0 } = push.data;
  // People beyond the last one come with a page that has not been read yet.
  const shown = uids.filter((uid) => !list.hasMore || uid < last);
  const newcomers = shown.map((uid) => ({ ...nameOf(uid), ...NEWCOMER, joinedAt }));
  return newcomers.length === 0 ? list : { ...list, items: put(list.items, newcomers) };
}

/** The list with this member shown as somebody who has just joined. */
export function asNewcomer(list: KeptMembers, uid: number): KeptMembers {
  return changedMember(list, uid, (member) => ({ ...member, ...NEWCOMER }));
}

/** The list after this member's own return, which it may include already. */
export function asJoined(list: KeptMembers, uid: number, push: PushFrame): KeptMembers {
  const { joinedAt = 0 } = push.type === Push.MEMBER_CHANGE ? push.data : {};
  return changedMember(list, uid, (member) => ({ ...member, joinedAt: Math.max(member.joinedAt, joinedAt) }));
}

/** The same list with the names that people have now; the list itself where none of its names has changed. */
export function withMemberNames(list: KeptMembers, names: Names): KeptMembers {
  const isNew = (member: StoredMember, { name, avatar }: Person) => member.name !== name || member.avatar !== avatar;
  let so = list;
  for (const [uid, person] of names) {
    const { name, avatar } = person;
    so = changedMember(so, uid, (member) => (isNew(member, person) ? { ...member, name, avatar } : member));
  }
  return so;
}

function changedMember(list: KeptMembers, uid: number, change: (member: StoredMember) => StoredMember): KeptMembers {
  const at = list.items.findIndex((member) => member.uid === uid);
  const member = list.items[at];
  if (!member) return list;
  const next = change(member);
  return next === member ? list : { ...list, items: list.items.with(at, next) };
}

/** Each person once, by uid; for people in both, `more` wins. */
function put(items: readonly StoredMember[], more: readonly StoredMember[]): StoredMember[] {
  const byUid = new Map([...items, ...more].map((member) => [member.uid, member]));
  return [...byUid.values()].sort((a, b) => a.uid - b.uid);
}
