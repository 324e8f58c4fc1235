import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { ApiClient } from "./api-client.ts";
import { type Person, signUp } from "./harness.ts";
import { historyOf } from "./history.ts";
import { LiveClient } from "./live-client.ts";
import { type SendOutcome, sendAll } from "./load.ts";
import { ServerProcess } from "./server-process.ts";

const SENDERS = 8;
/** Connections that are live in the room while the server is killed, besides the one under test. */
const ONLOOKERS = 49;
const KILLS = 3;
/** How many answers there are before each kill, so that it comes in the middle of the load whatever the machine's speed. */
const ANSWERS = 150;

const server = new ServerProcess();
beforeAll(() => server.start(), 30_000);
afterAll(() => server.remove());

test("IM-2: after kill -9 every acknowledged message is there once, without gaps, and an old cursor replays exactly the rest", async () => {
  let people = await Promise.all(["ann", "ben", "cai", "dee", "eva"].map((name) => signUp(server.url, name)));
  const [ann, ...others] = people as [Person, ...Person[]];
  const room = await ann.api.ok<{ id: number }>("POST", "/rooms", {
    name: "g",
    memberIds: others.map(({ uid }) => uid),
  });
  const stream = `room:${room.id}`;
  const outcomes: SendOutcome[] = [];

  for (let kill = 1; kill <= KILLS; kill++) {
    const onlookers = await Promise.all(
      Array.from({ length: ONLOOKERS }, (_, i) =>
        LiveClient.open(server.url, { token: (people[i % 5] as Person).token }),
      ),
    );
    await Promise.all(onlookers.map((one) => one.frame(Push.RED_DOT)));
    const watcher = await live(people[1] as Person);
    const { cursor } = (await watcher.frame(Push.CURSOR, (frame) => frame.data.live)).data;
    const before = (await historyOf(people[0] as Person, room.id)).length;

    outcomes.push(...(await loadUntilKilled({ people, roomId: room.id, label: `k${kill}` })));
    await Promise.all([watcher, ...onlookers].map((one) => one.ended()));
    const seen = watcher.stream(stream);
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, i) => (seen[0]?.seq as number) + i));
    await server.start();
    people = people.map((person) => ({ ...person, api: new ApiClient(server.url, person.token) }));

    const history = await historyOf(people[0] as Person, room.id);
    const stored = history.map(({ message }) => message.clientId);
    for (const { clientId } of outcomes.filter(({ status }) => status === 201)) {
      expect([clientId, stored.filter((one) => one === clientId).length]).toEqual([clientId, 1]);
    }
    expect(history.map(({ message }) => message.seq)).toEqual(history.map((_, i) => i + 2));
    expect(history.map(({ message }) => message.no)).toEqual(history.map((_, i) => i + 1));

    const resumed = await live(people[1] as Person, cursor);
    await resumed.frame(Push.CURSOR, (frame) => frame.data.live);
    expect(resumed.of(Push.RESYNC)).toEqual([]);
    expect(resumed.stream(stream).map(({ data }) => data)).toEqual(history.slice(before));
    resumed.close();
  }
  expect(outcomes.filter(({ status }) => status === 201).length).toBeGreaterThanOrEqual(KILLS * ANSWERS);
  expect(outcomes.some(({ status }) => status === undefined)).toBe(true);
}, 60_000);

async function live(person: Person, cursor?: string): Promise<LiveClient> {
  const client = await LiveClient.open(server.url, { token: person.token, path: "/ws?resume=1" });
  client.send({ type: Command.RESUME, data: { cursor: cursor ?? null, max: 10_000 } });
  return client;
}

/** Kills the server while sends are in flight; resolves when all of them have ended. */
async function loadUntilKilled(load: {
  people: readonly Person[];
  roomId: number;
  label: string;
}): Promise<SendOutcome[]> {
  const senders = Array.from({ length: SENDERS }, (_, i) => load.people[i % load.people.length] as Person);
  let answers = 0;
  let killed: Promise<void> | undefined;
  const outcomes = await sendAll({
    senders,
    roomId: load.roomId,
    count: ANSWERS * 2,
    label: load.label,
    onAnswer: ({ status }) => {
      if (status === 201) answers += 1;
      if (answers === ANSWERS) killed ??= server.kill();
    },
  });
  await killed;
  return outcomes;
}
