import { ActiveStatus, type PushData } from "@parley/protocol";
import type { FriendView } from "../../src/contacts/friend-list.ts";
import type { ListedRequest } from "../../src/contacts/request-list.ts";
import type { ApiClient } from "../api-client.ts";

/** What a client keeps of the user's contacts. */
export interface ContactsState {
  /** Newest first. */
  readonly requests: readonly ListedRequest[];
  /** By uid. */
  readonly friends: readonly FriendView[];
  readonly blocks: readonly BlockedPerson[];
}

export interface BlockedPerson {
  readonly uid: number;
  readonly name: string;
  readonly avatar: string;
}

interface Page<T> {
  readonly items: T[];
  readonly nextCursor: string | null;
  readonly asOf: string;
}

export async function readContacts(api: ApiClient): Promise<{ contacts: ContactsState; asOfs: string[] }> {
  const [requests, friends, blocks] = await Promise.all([
    readAll<ListedRequest>(api, "/friend-requests"),
    readAll<FriendView>(api, "/friends"),
    readAll<BlockedPerson>(api, "/blocks"),
  ]);
  const contacts = { requests: requests.items, friends: friends.items.map(unseen), blocks: blocks.items };
  return { contacts, asOfs: [requests, friends, blocks].flatMap(({ asOfs }) => asOfs) };
}

/** The whole list, which is what a client reads when FRIEND names a request that it does not know. */
export async function fetchRequests(api: ApiClient): Promise<ListedRequest[]> {
  return (await readAll<ListedRequest>(api, "/friend-requests")).items;
}

async function readAll<T>(api: ApiClient, path: string): Promise<{ items: T[]; asOfs: string[] }> {
  const items: T[] = [];
  const asOfs: string[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: Page<T> = await api.ok<Page<T>>("GET", `${path}?limit=100&cursor=${cursor}`);
    items.push(...page.items);
    asOfs.push(page.asOf);
    cursor = page.nextCursor;
  }
  return { items, asOfs };
}

/** No logged event says which people are online (GW-80). */
function unseen(friend: FriendView): FriendView {
  return { ...friend, activeStatus: ActiveStatus.offline, lastOptTime: null };
}

/** Whether the client has to read the requests: FRIEND names one that it does not know. */
export function wantsRequests({ requests }: ContactsState, { change, requestId }: PushData[111]): boolean {
  if (requestId === undefined || change === "withdrawn") return false;
  return change === "requested" || !requests.some(({ id }) => id === requestId);
}

/** The state after FRIEND. Pure. */
export function withFriend(
  state: ContactsState,
  data: PushData[111],
  fetched?: readonly ListedRequest[],
): ContactsState {
  const known = fetched ? { ...state, requests: fetched } : state;
  const { uid, change, requestId, roomId, remark = "" } = data;
  const { requests, friends } = known;
  const others = friends.filter((friend) => friend.uid !== uid);
  switch (change) {
    case "requested":
      return known;
    case "withdrawn":
      return { ...known, requests: requests.filter(({ id }) => id !== requestId) };
    case "rejected":
      return { ...known, requests: answered(requests, requestId, "rejected") };
    case "accepted": {
      const request = requests.find(({ id }) => id === requestId);
      if (!request || roomId === undefined) throw new Error(`request ${requestId} is accepted, which is not known`);
      const friend = unseen({ uid, name: request.name, avatar: request.avatar, remark: "", roomId } as FriendView);
      const sorted = [...others, friend].sort((a, b) => a.uid - b.uid);
      return { ...known, requests: answered(requests, requestId, "accepted"), friends: sorted };
    }
    case "removed":
      return { ...known, friends: others };
    case "remark":
      return { ...known, friends: friends.map((friend) => (friend.uid === uid ? { ...friend, remark } : friend)) };
    default:
      throw new Error(`a client does not know the change ${change}`);
  }
}

function answered(
  requests: readonly ListedRequest[],
  requestId: number | undefined,
  state: ListedRequest["state"],
): ListedRequest[] {
  return requests.map((request) =>
    request.id === requestId ? { ...request, state, read: request.direction === "in" ? true : null } : request,
  );
}

/** The state after SELF. Pure. @param person the person whom `block` names */
export function withSelf(state: ContactsState, data: PushData[109], person: BlockedPerson | undefined): ContactsState {
  const { friendRequestsRead = 0, block } = data;
  const read = state.requests.map((request) => {
    const isRead = request.direction === "in" && request.state === "open" && request.id <= friendRequestsRead;
    return isRead ? { ...request, read: true } : request;
  });
  if (!block) return { ...state, requests: read };
  const others = state.blocks.filter(({ uid }) => uid !== block.uid);
  if (!block.blocked) return { ...state, requests: read, blocks: others };
  if (!person) throw new Error(`user ${block.uid} is blocked, whom the client does not know`);
  const { uid, name, avatar } = person;
  const isHidden = (request: ListedRequest) =>
    request.uid === uid && request.direction === "in" && request.state === "open";
  return {
    ...state,
    requests: read.filter((request) => !isHidden(request)),
    blocks: [...others, { uid, name, avatar }].sort((a, b) => a.uid - b.uid),
  };
}

/** A name or picture, wherever it is shown. */
export function withPerson(state: ContactsState, { uid, name, avatar }: BlockedPerson): ContactsState {
  const renamed = <T extends { uid: number }>(list: readonly T[]) =>
    list.map((one) => (one.uid === uid ? { ...one, name, avatar } : one));
  return { requests: renamed(state.requests), friends: renamed(state.friends), blocks: renamed(state.blocks) };
}

export function peopleIn({ requests, friends, blocks }: ContactsState): BlockedPerson[] {
  return [...requests, ...friends, ...blocks].map(({ uid, name, avatar }) => ({ uid, name, avatar }));
}
