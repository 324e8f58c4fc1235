import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { ActiveStatus, Push, roomStream } from "@parley/protocol";
import { pollsHang } from "../hanging-polls.ts";
import { type Person, say } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import { TestNodes } from "../nodes-rig.ts";
import { openDoor } from "../server-door.ts";

/** A deadline, for slow machines. */
setDefaultTimeout(30_000);

interface Reply {
  readonly events: SeenFrame[];
  readonly cursor: string;
  readonly more: boolean;
}

let nodes: TestNodes;
let ann: Person;
let ben: Person;
let room: number;
beforeAll(async () => {
  nodes = await TestNodes.start(2);
  [ann, ben] = [await nodes.person("ann"), await nodes.person("ben")];
  room = await nodes.at(0).room(ann, [ben]);
}, 30_000);
afterAll(() => nodes[Symbol.asyncDispose](), 30_000);

const poll = (index: number, cursor?: string, query = "") =>
  nodes.on(index, ben).api.ok<Reply>("GET", `/events?limit=1000${query}${cursor ? `&cursor=${cursor}` : ""}`);
const seqs = (replies: readonly Reply[]) =>
  replies.flatMap(({ events }) => events.filter(({ stream }) => stream === roomStream(room)).map(({ seq }) => seq));

describe("polls of one login that reach different nodes", () => {
  test("NODE-8: get each event once and in order, whichever node answers", async () => {
    const replies = [await poll(0)];
    for (let n = 0; n < 12; n++) {
      await say(nodes.on(n % 2, ann), room, `number ${n}`);
      // A node that was not asked for a while has a reader that stands behind.
      replies.push(await poll(n % 3 === 0 ? 1 : 0, replies.at(-1)?.cursor));
    }
    // Nothing promises that a node knows at once what another one has answered.
    await nodes.settled();
    replies.push(await poll(1, replies.at(-1)?.cursor));
    const [first = 0] = seqs(replies);
    expect(seqs(replies)).toEqual(Array.from({ length: 12 }, (_, i) => first + i));
  });

  test("NODE-8: one that waits on either node is answered by an event that another one logged", async () => {
    await nodes.settled();
    const { cursor } = await poll(0);
    const waiting = [poll(0, cursor, "&wait=30"), poll(1, cursor, "&wait=30")];
    for (const { url } of nodes.servers) await pollsHang(url, 1);
    await say(ann, room, "to both");
    const replies = await Promise.all(waiting);
    for (const reply of replies) expect(seqs([reply])).toHaveLength(1);
    expect(replies[0]?.cursor).toBe(replies[1]?.cursor ?? "");
  });

  test("NODE-8: are never too far behind only where the last reply came from", async () => {
    // So that the other node has no reader at this cursor.
    await say(ann, room, "something new");
    const { cursor } = await poll(0);
    // Now this node keeps a reader that stands at this cursor.
    await poll(0, cursor);
    const door = await openDoor(nodes.at(0), "many");
    for (let list = 0; list < 11; list++) {
      const items = Array.from({ length: 100 }, (_, n) => ({
        ...{ room, from: ann.uid, clientId: `many-${list}-${n}`, type: 1, body: { content: "one of many" } },
      }));
      await door.ok("POST", "/messages", { items });
    }
    await nodes.settled();
    const elsewhere = await poll(1, cursor);
    expect(elsewhere.events[0]).toMatchObject({ type: Push.RESYNC, data: { why: "far" } });
    const here = await poll(0, cursor);
    expect(here.events.some(({ type }) => type === Push.RESYNC)).toBe(false);
  }, 30_000);

  test("NODE-8: count as one person online, on all nodes", async () => {
    await poll(0);
    await poll(1);
    const { items, onlineNum } = await nodes
      .on(1, ann)
      .api.ok<{ items: { activeStatus: number }[]; onlineNum: number }>("GET", `/presence?userIds=${ben.uid}`);
    expect(items[0]?.activeStatus).toBe(ActiveStatus.online);
    expect(onlineNum).toBe(1);
  });
});
