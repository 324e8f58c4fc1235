import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { Client } from "pg";
import { TestCluster } from "../cluster-rig.ts";
import { type Person, say } from "../harness.ts";
import { hasPostgres } from "../postgres-server.ts";
import { until } from "../webhook-receiver.ts";

describe.skipIf(!hasPostgres)("what two nodes tell each other", () => {
  let nodes: TestCluster;
  let [ann, ben]: Person[] = [];
  let room = 0;
  const people = () => [ann, ben] as [Person, Person];
  beforeAll(async () => {
    nodes = await TestCluster.start(2);
    [ann, ben] = [await nodes.person("ann"), await nodes.person("ben")];
    room = await nodes.at(0).room(ann, [ben]);
  }, 30_000);
  afterAll(() => nodes[Symbol.asyncDispose](), 30_000);

  test("NODE-5, PROC-6: the reply to a recall waits for the other node, and the reply to a message does not", async () => {
    const [ann] = people();
    const { announcer } = nodes.at(1).storage;
    const whenAnnounced = announcer.whenAnnounced.bind(announcer);
    const live = await nodes.at(0).live(ann);
    let waited = false;
    // Nobody waits for longer than a second: a process that stood still for so long has shown nothing.
    for (let tries = 1; tries <= 3 && !waited; tries++) {
      const gate = Promise.withResolvers<void>();
      let asked = 0;
      announcer.whenAnnounced = async (position) => {
        asked += 1;
        await gate.promise;
        return whenAnnounced(position);
      };
      const text = `taken back ${tries}`;
      await say(ann, room, text);
      const { data } = await live.frame(Push.MESSAGE, (frame) => frame.data.message.body.content === text);
      expect(asked).toBe(0);
      let isAnswered = false;
      const recalled = ann.api.ok("DELETE", `/messages/${data.message.id}`).then(() => {
        isAnswered = true;
      });
      await until("the question", () => asked === 1);
      // A reply that does not wait would be here with this one.
      await ann.api.ok("GET", "/me");
      waited = !isAnswered;
      gate.resolve();
      await recalled;
    }
    announcer.whenAnnounced = whenAnnounced;
    expect(waited).toBe(true);
    live.close();
  }, 30_000);

  test("BUS-9: the bus says how far the log goes after each write, so nobody has to look", async () => {
    const [ann] = people();
    const heard: number[] = [];
    const stop = nodes.at(1).context.channel.place.bus.subscribe((message) => {
      if (message.channel === "log") heard.push(message.upTo);
    });
    const before = nodes.at(0).storage.announcer.position;
    await say(ann, room, "told");
    await until("the position", () => heard.some((upTo) => upTo > before));
    stop();
  }, 30_000);

  test("NODE-1: the lease of a node says what version of its people there is", async () => {
    const [, ben] = people();
    const live = await nodes.at(0).live(ben);
    const database = new Client(nodes.databaseUrl);
    await database.connect();
    await until("a version", async () => {
      const { rows } = await database.query("select people_version from nodes order by number");
      return Number(rows[0]?.people_version) > 0;
    });
    await database.end();
    live.close();
  }, 30_000);
});
