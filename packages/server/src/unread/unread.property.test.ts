import { expect, test } from "bun:test";
import { ChangeType, Push, parseCursor } from "@parley/protocol";
import fc from "fast-check";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { listRooms } from "../rooms/room-actions.ts";
import { markRead } from "./read-writes.ts";
import { getUnread } from "./unread-actions.ts";

type Plain = "say" | "ask" | "leave" | "join";

/** A person does something in one of two groups; the owner is person 0, and `read` leaves the last messages unread. */
type Step = { kind: Plain; who: number; room: number } | { kind: "read"; who: number; room: number; back: number };

const who = fc.nat({ max: 2 });
const room = fc.nat({ max: 1 });
const plain = (kind: Plain) => fc.record({ kind: fc.constant(kind), who, room });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: plain("say") },
  { weight: 4, arbitrary: plain("ask") },
  { weight: 1, arbitrary: plain("leave") },
  { weight: 1, arbitrary: plain("join") },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("read" as const), who, room, back: fc.nat({ max: 3 }) }) },
);

/** What events up to a position say is unread for somebody, by room; rooms that they are not in are left out. */
function unreadAt(chat: ChatFixture, uid: number, position: number): Map<number, number> {
  const unread = new Map<number, number>();
  for (const { pos, stream, type, data: text } of chat.scratch.events) {
    if (pos > position) break;
    const data = JSON.parse(text);
    const roomId = Number(stream.startsWith("room:") ? stream.slice(5) : data.roomId);
    const isOwn = stream === `user:${uid}`;
    if (type === Push.SELF && isOwn && unread.has(roomId)) unread.set(roomId, data.unread);
    if (!stream.startsWith("room:")) continue;
    if (type === Push.MEMBER_CHANGE && (data.uids ?? [data.uid]).includes(uid)) {
      if (data.changeType === ChangeType.joined) unread.set(roomId, 0);
      else unread.delete(roomId);
    } else if (type === Push.MESSAGE && unread.has(roomId)) {
      unread.set(roomId, data.fromUser.uid === uid ? 0 : (unread.get(roomId) as number) + 1);
    }
  }
  return unread;
}

const sorted = (rooms: Iterable<[number, number]>) => [...rooms].sort(([a], [b]) => a - b);
const dots = (rooms: Iterable<[number, number]>) => sorted(rooms).filter(([, count]) => count > 0);

async function run(bursts: Step[][]): Promise<void> {
  const chat = await ChatFixture.open({ HALL: "off" });
  try {
    const people = (await chat.people(3)) as [number, number, number];
    const [owner, ...others] = people;
    const rooms = [await chat.group(owner, others), await chat.group(owner, others)] as [number, number];
    const checks: (() => void)[] = [];
    const ask = async (uid: number) => {
      const actor = { uid, power: 0 } as const;
      const [unread, list] = await Promise.all([
        getUnread(chat.context, actor),
        listRooms(chat.context, actor, { before: undefined, limit: 50 }),
      ]);
      checks.push(() => {
        const at = (asOf: string) => unreadAt(chat, uid, parseCursor(asOf).floor as number);
        expect(unread.rooms.map(({ roomId, unread }) => [roomId, unread])).toEqual(dots(at(unread.asOf)));
        expect(sorted(list.items.map(({ id, unread }) => [id, unread]))).toEqual(sorted(at(list.asOf)));
      });
    };
    const perform = async (step: Step): Promise<unknown> => {
      const uid = people[step.who] as number;
      const roomId = rooms[step.room] as number;
      // What is refused, since they are not in the room for one, changes nothing.
      const refused = () => undefined;
      if (step.kind === "ask") return ask(uid);
      if (step.kind === "say") return chat.say(uid, roomId, "x").catch(refused);
      if (step.kind === "leave") return chat.ask(uid, "DELETE", `/rooms/${roomId}/members/${uid}`);
      if (step.kind !== "read") return chat.ask(owner, "POST", `/rooms/${roomId}/members`, { memberIds: [uid] });
      const seq = (chat.events(`room:${roomId}`).at(-1)?.seq ?? 1) - step.back;
      const input = { actor: { uid, power: 0 as const }, roomId, seq: Math.max(1, seq), tell: true };
      return chat.scratch.writes.run(markRead, input).catch(refused);
    };
    for (const burst of bursts) await Promise.all(burst.map(perform));
    await Promise.all(people.map(ask));
    for (const check of checks) check();
  } finally {
    await chat.close();
  }
}

test(
  "CUR-12, IM-70, IM-72: whatever is said, read, left and joined at the same time, what is unread is what the events up to asOf make of it",
  () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 6 }), run),
      { numRuns: 40 },
    ),
  60_000,
);
