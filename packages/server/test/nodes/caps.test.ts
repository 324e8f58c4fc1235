import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { withDeadline } from "../../src/lib/interval.ts";
import { pollsHang } from "../hanging-polls.ts";
import { TestNodes } from "../nodes-rig.ts";
import { SseReader } from "../sse-reader.ts";

/** Caps hold at once, or never. */
const SOON_MS = 10_000;
const LIMIT_MS = 30_000;

describe("the caps of a person, over two nodes", () => {
  let nodes: TestNodes;
  beforeAll(async () => {
    nodes = await TestNodes.start(2, { MAX_CONNECTIONS_PER_USER: "3" });
  }, LIMIT_MS);
  afterAll(() => nodes[Symbol.asyncDispose](), LIMIT_MS);

  test(
    "NODE-4: the oldest connection goes, on whichever node it is, and no other",
    async () => {
      const [a, b] = [nodes.at(0), nodes.at(1)];
      const ann = await nodes.person("ann");
      const first = await a.live(ann);
      const second = await b.live(ann);
      const third = await a.live(ann);
      const fourth = await b.live(ann);
      expect((await withDeadline(first.ended(), SOON_MS, "the oldest stays")).code).toBe(4029);
      const fifth = await a.live(ann);
      expect((await withDeadline(second.ended(), SOON_MS, "the oldest stays")).code).toBe(4029);
      await Promise.all([third.echo(), fourth.echo(), fifth.echo()]);
      for (const one of [third, fourth, fifth]) expect(one.closed).toBeUndefined();
    },
    LIMIT_MS,
  );

  test(
    "NODE-4: event streams count, and one that goes is told why",
    async () => {
      const ben = await nodes.person("ben");
      const oldest = await SseReader.open(nodes.at(1).url, ben.token);
      await oldest.frame(Push.RED_DOT);
      const rest = [await nodes.at(0).live(ben), await nodes.at(0).live(ben), await nodes.at(0).live(ben)];
      expect(await withDeadline(oldest.ended(), SOON_MS, "the oldest stays")).toBe("whole");
      expect(oldest.frames.at(-1)).toMatchObject({ type: Push.ERROR, data: { code: "too_many_connections" } });
      for (const one of rest) await one.echo();
    },
    LIMIT_MS,
  );

  test(
    "NODE-4: of waiting polls the oldest is answered",
    async () => {
      const cai = await nodes.person("cai");
      const { cursor } = await cai.api.ok<{ cursor: string }>("GET", "/events");
      const waiting: string[] = [];
      const poll = (index: number, name: string) => {
        waiting.push(name);
        const url = `${nodes.at(index).url}/api/v1/events?wait=60&cursor=${cursor}`;
        return fetch(url, { headers: { Authorization: `Bearer ${cai.token}` } }).then((reply) => {
          waiting.splice(waiting.indexOf(name), 1);
          return reply.status;
        });
      };
      const first = poll(0, "first");
      await pollsHang(nodes.at(0).url, 1);
      const others = [poll(1, "second"), poll(1, "third")];
      await pollsHang(nodes.at(1).url, 2);
      others.push(poll(1, "fourth"));
      expect(await withDeadline(first, SOON_MS, "the oldest waits")).toBe(200);
      expect(waiting).toEqual(["second", "third", "fourth"]);
      await cai.api.ok("PATCH", "/me", { name: "cai again" });
      await nodes.at(0).room(cai, []);
      expect(await Promise.all(others)).toEqual([200, 200, 200]);
    },
    LIMIT_MS,
  );
});
