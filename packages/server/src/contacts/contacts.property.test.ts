import { expect, test } from "bun:test";
import { Push, parseCursor } from "@parley/protocol";
import fc from "fast-check";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { type ContactsState, withFriend, withSelf } from "../../test/events-suffice/contacts.ts";
import type { ListedRequest } from "./request-list.ts";

/** Two people, each with two devices that do what they like at the same moment. */
const KINDS = ["ask", "withdraw", "accept", "reject", "read", "remove", "block", "unblock", "look"] as const;
interface Step {
  readonly kind: (typeof KINDS)[number];
  readonly who: 0 | 1;
}
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS, "ask" as const, "accept" as const),
  who: fc.constantFrom(0 as const, 1 as const),
});

interface View {
  readonly contacts: ContactsState;
  readonly friendRequests: number;
  readonly position: number;
}

/** What somebody sees over HTTP, all of one moment. */
async function viewOf(chat: ChatFixture, uid: number): Promise<View> {
  for (;;) {
    const get = (path: string) => chat.must(uid, "GET", path);
    const [requests, friends, blocks, unread] = [
      await get("/friend-requests"),
      await get("/friends"),
      await get("/blocks"),
      await get("/unread"),
    ];
    const moments = new Set([requests.asOf, friends.asOf, blocks.asOf, unread.asOf]);
    if (moments.size > 1) continue;
    const contacts = { requests: requests.items, friends: friends.items, blocks: blocks.items };
    const position = parseCursor(unread.asOf).floor as number;
    return { contacts, friendRequests: unread.friendRequests, position };
  }
}

const REQUEST = { direction: "in", text: "", state: "accepted", read: true, createdAt: 0, avatar: "" };

/**
 * The same from events alone, after a view. Texts and ids of requests are read when FRIEND says so, here from the server's state at the
 * end: that may be newer than the event, as for any client.
 */
function byEvents(chat: ChatFixture, uid: number, from: View, read: readonly ListedRequest[]): View {
  let { contacts, friendRequests } = from;
  let position = from.position;
  for (const { pos, type, data } of chat.eventsOf(uid)) {
    if (pos <= from.position) continue;
    position = pos;
    if (type === Push.APPLY) friendRequests += data.unreadCount;
    if (type === Push.FRIEND) {
      const isKnown = contacts.requests.some(({ id }) => id === data.requestId);
      const wants = data.change === "requested" || (data.change === "accepted" && !isKnown);
      // Clients take the name of a friend from the request, which by now may have been replaced by another one.
      const known = read.some(({ id }) => id === data.requestId);
      const standIn = { ...REQUEST, id: data.requestId, uid: data.uid, name: `p${data.uid}` } as ListedRequest;
      contacts = withFriend(contacts, data, wants ? (known ? read : [...read, standIn]) : undefined);
      contacts = { ...contacts, requests: contacts.requests.filter((one) => known || one.id !== data.requestId) };
    }
    if (type === Push.SELF) {
      contacts = withSelf(
        contacts,
        data,
        data.block && { uid: data.block.uid, name: `p${data.block.uid}`, avatar: "" },
      );
      friendRequests = data.friendRequests ?? friendRequests;
    }
  }
  return { contacts, friendRequests, position };
}

async function run(bursts: readonly Step[][]): Promise<void> {
  const chat = await ChatFixture.open({ HALL: "off" });
  try {
    const people = (await chat.people(2)) as [number, number];
    const seen: [View[], View[]] = [[], []];
    const look = async (who: 0 | 1) => void seen[who].push(await viewOf(chat, people[who]));
    const perform = async ({ kind, who }: Step): Promise<unknown> => {
      const [uid, other] = [people[who], people[1 - who] as number];
      if (kind === "look") return look(who);
      if (kind === "ask") return chat.ask(uid, "POST", "/friend-requests", { userId: other });
      if (kind === "remove") return chat.ask(uid, "DELETE", `/friends/${other}`);
      if (kind === "block") return chat.ask(uid, "PUT", `/blocks/${other}`);
      if (kind === "unblock") return chat.ask(uid, "DELETE", `/blocks/${other}`);
      if (kind === "read") return chat.ask(uid, "PUT", "/friend-requests/read", { upTo: 1_000_000 });
      // What the device shows at that moment; what is refused changes nothing.
      const { items } = await chat.must(uid, "GET", "/friend-requests");
      const wanted = kind === "withdraw" ? "out" : "in";
      const found = items.find((one: ListedRequest) => one.direction === wanted && one.state === "open");
      if (!found) return undefined;
      if (kind === "withdraw") return chat.ask(uid, "DELETE", `/friend-requests/${found.id}`);
      return chat.ask(uid, "POST", `/friend-requests/${found.id}/${kind}`);
    };
    for (const who of [0, 1] as const) await look(who);
    for (const burst of bursts) {
      await Promise.all(burst.map(perform));
      // So that rejected ones may be made again.
      chat.clock.advance(24 * 60 * 60 * 1000);
    }
    for (const who of [0, 1] as const) {
      const uid = people[who];
      const end = await viewOf(chat, uid);
      for (const view of seen[who]) {
        const { contacts, friendRequests } = byEvents(chat, uid, view, end.contacts.requests);
        expect({ contacts, friendRequests }).toEqual({
          contacts: end.contacts,
          friendRequests: end.friendRequests,
        });
      }
    }
    const [a, b] = [await viewOf(chat, people[0]), await viewOf(chat, people[1])];
    // They are friends of each other, or neither is; and of two who have asked, the answer is the same for both.
    expect(a.contacts.friends.length).toBe(b.contacts.friends.length);
    for (const one of a.contacts.requests) {
      const same = b.contacts.requests.find(({ id }) => id === one.id);
      if (same) expect(same.state).toBe(one.state);
      else expect(one).toMatchObject({ direction: "out", state: "open" });
    }
    const open = [...a.contacts.requests, ...b.contacts.requests].filter(({ state }) => state === "open");
    if (a.contacts.friends.length > 0) expect(open.filter(({ direction }) => direction === "in")).toEqual([]);
  } finally {
    await chat.close();
  }
}

/** A new request takes the place of an answered one, and the person who is asked has blocked the other one. */
const ASKED_AGAIN_WHILE_BLOCKED: Step[][] = [
  [
    { kind: "look", who: 0 },
    { kind: "accept", who: 0 },
    { kind: "ask", who: 1 },
  ],
  [
    { kind: "block", who: 0 },
    { kind: "remove", who: 0 },
    { kind: "ask", who: 0 },
  ],
  [{ kind: "ask", who: 1 }],
];

test(
  "CUR-12, FRD-5, FRD-6: whatever two people do on two devices each at the same moment, both see the same, by events alone and over HTTP",
  () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 }), run),
      { numRuns: 60, examples: [[ASKED_AGAIN_WHILE_BLOCKED]] },
    ),
  120_000,
);
