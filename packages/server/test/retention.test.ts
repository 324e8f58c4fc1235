import { afterAll, afterEach, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import type { DatabasePlace } from "../src/db/open.ts";
import { nextTurn } from "../src/lib/interval.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, signUp, TestServer } from "./harness.ts";
import { historyOf } from "./history.ts";
import { LiveClient, type SeenFrame } from "./live-client.ts";
import { sendAll } from "./load.ts";
import { ServerProcess } from "./server-process.ts";
import { openRaw, withRaw } from "./test-database.ts";

const DEADLINE_MS = 20_000;

let server: TestServer | undefined;
const killed: ServerProcess[] = [];
afterEach(async () => {
  await server?.stop();
  server = undefined;
});
afterAll(() => Promise.all(killed.map((one) => one.remove())));

/** Settings under which a stream keeps its newest `max` events. */
const keeping = (max: number) => ({ RETENTION_MIN_EVENTS: "1", RETENTION_MAX_EVENTS: String(max) });

async function messages(people: readonly Person[], roomId: number, count: number, label = "m"): Promise<void> {
  const outcomes = await sendAll({ senders: people, roomId, count, label });
  expect(outcomes.filter(({ status }) => status !== 201)).toEqual([]);
}

interface Polled {
  events: SeenFrame[];
  cursor: string;
}

const poll = (person: Person, cursor: string, limit = 1000) =>
  person.api.ok<Polled>("POST", "/events", { cursor, limit });

/** Asks with an old cursor until the answer says that everything up to `seq` of the stream is gone. */
async function untilTrimmed(person: Person, old: { cursor: string; stream: string; seq: number }): Promise<void> {
  const isIt = ({ type, data }: SeenFrame) =>
    type === Push.RESYNC && data.why === "trimmed" && data.stream === old.stream && data.seq === old.seq;
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await poll(person, old.cursor, 10)).events.some(isIt)) {
    if (performance.now() > deadline) throw new Error(`events up to ${old.seq} were not removed in ${DEADLINE_MS} ms`);
  }
}

test("RET-1, RET-3: connected readers get everything; those who come back later are told what is gone and get the rest; messages stay", async () => {
  server = await TestServer.start(keeping(20));
  const [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
  const room = await server.room(ann, [ben]);
  const stream = `room:${room}`;
  const { cursor } = await ben.api.ok<Polled>("GET", "/events");
  const live = await server.live(ben);
  let sending = true;
  const trimming = untilTrimmed(ben, { cursor, stream, seq: 231 }).then(() => {
    sending = false;
  });
  for (let round = 0; round < 5; round++) await messages([ann, ben], room, 50, `round ${round}`);
  await trimming;
  expect(sending).toBe(false);

  const seqs = (frames: SeenFrame[]) => frames.filter((frame) => frame.stream === stream).map(({ seq }) => seq);
  const from = (first: number) => Array.from({ length: 251 - first + 1 }, (_, i) => first + i);
  await live.until(() => live.stream(stream).length === 250, "every message");
  expect(seqs(live.frames)).toEqual(from(2));
  expect(live.of(Push.RESYNC)).toEqual([]);

  const polled = await poll(ben, cursor);
  expect(polled.events.filter(({ type }) => type === Push.RESYNC)).toEqual([
    { type: Push.RESYNC, data: { stream, seq: 231, why: "trimmed" } },
  ]);
  expect(seqs(polled.events)).toEqual(from(232));
  expect((await poll(ben, polled.cursor)).events).toEqual([]);

  const again = await server.live(ben, { path: "/ws?resume=1" });
  again.send({ type: Command.RESUME, data: { cursor } });
  await again.frame(Push.CURSOR, ({ data }) => data.live);
  expect(again.of(Push.RESYNC).map(({ data }) => data)).toEqual([{ stream, seq: 231, why: "trimmed" }]);
  expect(seqs(again.frames)).toEqual(from(232));
  expect((await historyOf(ben, room)).map(({ message }) => message.seq)).toEqual(from(2));

  // After a restart nothing is in memory, and the result is the same.
  await server.restart();
  const person = { ...ben, api: new ApiClient(server.url, ben.token) };
  expect((await poll(person, cursor)).events).toEqual(polled.events);
}, 40_000);

/** Keeps sixteen sends in flight until the server is gone; `stored` counts what is acknowledged. */
function loadUntilRefused(person: Person, roomId: number, label: string): { stored: number; ended: Promise<unknown> } {
  const load = { stored: 0, ended: Promise.resolve() as Promise<unknown> };
  const sender = async (name: string) => {
    for (let i = 0; ; i++) {
      const body = { clientId: `${name}-${i}`, type: 1, body: { content: "a message" } };
      const reply = await person.api.call("POST", `/rooms/${roomId}/messages`, body).catch(() => undefined);
      if (reply?.status !== 201) return;
      load.stored += 1;
    }
  };
  load.ended = Promise.all(Array.from({ length: 16 }, (_, i) => sender(`${label}-${i}`)));
  return load;
}

/** Compares the rows of the log with those of its streams. */
async function checkLog(place: DatabasePlace): Promise<Map<string, number>> {
  const rows = await withRaw(place, (raw) =>
    raw.rows<Record<string, number>>(
      `select s.stream, s.seq, s.first_seq, s.trimmed_pos, count(e.pos) as held, min(e.seq) as least, max(e.seq) as most, min(e.pos) as pos
       from streams s left join events e on e.stream = s.stream group by s.stream, s.seq, s.first_seq, s.trimmed_pos`,
    ),
  );
  for (const row of rows) {
    expect(row).toMatchObject({ held: (row.seq as number) - (row.first_seq as number) + 1 });
    expect(row).toMatchObject({ least: row.first_seq, most: row.seq });
    expect(row.trimmed_pos as number).toBeLessThan(row.pos as number);
    expect(row.trimmed_pos === 0).toBe(row.first_seq === 1);
  }
  return new Map(rows.map((row) => [String(row.stream), row.held as number]));
}

/** So many of a stream's events the server keeps that is killed. */
const KEPT = 15;

test("RET-8: killed in the middle of removing, it goes on; a reader gets each event once but for what RESYNC names", async () => {
  const process = new ServerProcess(keeping(KEPT));
  killed.push(process);
  await process.start();
  const { place } = process;
  let [ann, ben] = (await Promise.all([signUp(process.url, "ann"), signUp(process.url, "ben")])) as [Person, Person];
  const { id } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [ben.uid] });
  const stream = `room:${id}`;
  let { cursor } = await ben.api.ok<Polled>("GET", "/events");
  let had = 1;
  // Removing that is never in several steps reaches the test's limit.
  for (let kill = 0, midway = 0; midway < 2; kill++) {
    const watched = await openRaw(place);
    const firstSeq = async () => {
      const text = "select first_seq from streams where stream = ?";
      return (await watched.rows<{ first_seq: number }>(text, stream))[0]?.first_seq;
    };
    const load = loadUntilRefused(ann, id, `k${kill}`);
    // The server may look what it can remove just as the load begins, when the reader lacks nothing yet that is not kept.
    while (load.stored <= KEPT) await nextTurn();
    const before = await firstSeq();
    while ((await firstSeq()) === before) await nextTurn();
    await process.kill();
    await watched.close();
    await load.ended;
    // When the kill comes, this process or the load may have been too slow, and everything that was to go is gone.
    if (((await checkLog(place)).get(stream) as number) > KEPT) midway += 1;

    await process.start();
    [ann, ben] = [ann, ben].map((one) => ({ ...one, api: new ApiClient(process.url, one.token) })) as [Person, Person];
    const head = (await historyOf(ann, id)).at(-1)?.message.seq as number;
    expect(head - had).toBeGreaterThanOrEqual(load.stored);
    await untilTrimmed(ben, { cursor, stream, seq: head - KEPT });
    expect((await checkLog(place)).get(stream)).toBe(KEPT);

    const reader = await LiveClient.open(process.url, { token: ben.token, path: "/ws?resume=1" });
    reader.send({ type: Command.RESUME, data: { cursor } });
    ({ cursor } = (await reader.frame(Push.CURSOR, ({ data }) => data.live)).data);
    const resyncs = reader.of(Push.RESYNC).map(({ data }) => data);
    expect(resyncs).toEqual([{ stream, seq: head - KEPT, why: "trimmed" }]);
    const kept = Array.from({ length: KEPT }, (_, i) => head - KEPT + 1 + i);
    expect(reader.stream(stream).map(({ seq }) => seq)).toEqual(kept);
    reader.close();
    had = head;
  }
}, 120_000);
