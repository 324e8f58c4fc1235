import { expect, test } from "bun:test";
import { roomStream } from "@parley/protocol";
import { TestCluster } from "../cluster-rig.ts";
import { say } from "../harness.ts";
import { hasPostgres } from "../postgres-server.ts";
import { hasRedis } from "../redis-server.ts";
import { until } from "../webhook-receiver.ts";

test.skipIf(!hasPostgres || !hasRedis)(
  "LOG-5: what was written elsewhere is in memory with its text, though nobody reads it here, for those who come back to this node",
  async () => {
    const nodes = await TestCluster.start(2, { bus: "Redis" });
    try {
      const [ann, ben] = [await nodes.person("ann"), await nodes.person("ben")];
      const room = await nodes.at(0).room(ann, [ben]);
      // Otherwise the cursor may be one from before the room's first event.
      await nodes.at(1).storage.announcer.catchUpWithLog();
      const { cursor } = await nodes.on(1, ben).api.ok<{ cursor: string }>("GET", "/events");
      await say(ann, room, "while ben is away");
      const { tail } = nodes.at(1).storage;
      const kept = () => tail.peek(roomStream(room), 1, 10) ?? [];
      await until("the message is here", () => kept().some(({ data }) => data?.includes("while ben is away")));
      const { events } = await nodes.on(1, ben).api.ok<{ events: unknown[] }>("GET", `/events?cursor=${cursor}`);
      expect(events).toMatchObject([{ seq: 2, data: { message: { body: { content: "while ben is away" } } } }]);
    } finally {
      await nodes[Symbol.asyncDispose]();
    }
  },
  30_000,
);
