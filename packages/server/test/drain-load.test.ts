import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { uptimeMs } from "../src/lib/uptime.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, signUp } from "./harness.ts";
import { historyOf } from "./history.ts";
import { LiveClient } from "./live-client.ts";
import { sendAll } from "./load.ts";
import { ServerProcess } from "./server-process.ts";
import { SseReader } from "./sse-reader.ts";

const SPREAD_MS = 6000;
/** How long clients wait beyond the last close, and each of them a little longer than the one before. */
const RESTART_MS = 3000;
const PEOPLE = 26;
/** The number of each kind: 500 connections in all, from 25 people, who read what the first of them and they themselves write. */
const EACH = 250;
/** How many sends are acknowledged before the signal, so that it comes in the middle of the load. */
const BEFORE = 300;

const entry = new URL("./slow-drain.ts", import.meta.url).pathname;
const server = new ServerProcess({ DRAIN_SECONDS: String(SPREAD_MS / 1000) }, { entry });
beforeAll(() => server.start(), 30_000);
afterAll(() => server.remove());

test("DR-1: SIGTERM with 500 connections, half of them streams, and sends in flight: nothing acknowledged is lost, all get DRAIN, closes are spread", async () => {
  const people: Person[] = [];
  for (let i = 0; i < PEOPLE; i++) people.push(await signUp(server.url, `reader-${i}`));
  const [ann, ...readers] = people as [Person, ...Person[]];
  const { id: roomId } = await ann.api.ok<{ id: number }>("POST", "/rooms", {
    name: "g",
    memberIds: readers.map(({ uid }) => uid),
  });
  const stream = `room:${roomId}`;
  const tokenOf = (i: number) => (readers[i % readers.length] as Person).token;
  const sockets: LiveClient[] = [];
  const streams: SseReader[] = [];
  for (let i = 0; i < EACH; i++) {
    // They say nothing, and have to be open until their moment comes, however long everything takes.
    sockets.push(await LiveClient.open(server.url, { token: tokenOf(i), path: "/ws?idle=120" }));
    streams.push(await SseReader.open(server.url, tokenOf(i)));
  }
  await Promise.all(sockets.map((socket) => socket.frame(Push.RED_DOT)));
  await Promise.all(streams.map((one) => one.frame(Push.RED_DOT)));

  const drained = Promise.all(sockets.map((one) => one.frame(Push.DRAIN, undefined, 60_000))).then(uptimeMs);
  const timeOf = (end: Promise<unknown>) => end.then(uptimeMs);
  const closes = Promise.all([...sockets, ...streams].map((one) => timeOf(one.ended(60_000))));
  let acknowledged = 0;
  let signalMs = 0;
  const sends = sendAll({
    senders: [ann, ann, ann, ...readers.slice(0, 5)],
    roomId,
    count: 100_000,
    onAnswer: ({ status }) => {
      if (status !== 201 || ++acknowledged !== BEFORE) return;
      signalMs = uptimeMs();
      server.terminate();
    },
    while: () => acknowledged < BEFORE || sockets.filter(({ closed }) => closed).length < EACH / 4,
  });
  const startMs = await drained;
  const times = (await closes).map((at) => at - startMs);
  const outcomes = await sends;
  expect(await server.exited()).toBe(0);

  for (const socket of sockets) expect([socket.closed?.code, socket.of(Push.DRAIN).length]).toEqual([1012, 1]);
  for (const one of streams) expect([await one.ended(), one.of(Push.DRAIN).length]).toEqual(["whole", 1]);
  // What they were told says when each of them was to be closed: the moments are even.
  const told = [...sockets, ...streams].map((one) => one.of(Push.DRAIN)[0]?.data.retryAfterMs as number);
  const order = told
    .keys()
    .toArray()
    .sort((a, b) => (told[b] as number) - (told[a] as number));
  const moments = order.map((which, i) => SPREAD_MS + RESTART_MS + i - (told[which] as number));
  for (const [i, moment] of moments.entries()) {
    expect(Math.abs(moment - (SPREAD_MS * (i + 1)) / moments.length)).toBeLessThanOrEqual(1);
  }
  // Nobody was closed before their moment. If the machine stands still, some are closed late, but half of them are not.
  const closedMs = order.map((which) => times[which] as number);
  for (const [i, at] of closedMs.entries())
    expect(at + startMs - signalMs).toBeGreaterThanOrEqual(moments[i] as number);
  const lateness = closedMs.map((at, i) => at - (moments[i] as number)).sort((a, b) => a - b);
  expect(lateness[EACH] as number).toBeLessThan(SPREAD_MS / 4);
  // A client that comes back at the time it was given does not find this process still stopping.
  const last = Math.max(...times);
  const waits = [...sockets, ...streams].map(
    (one, i) => (times[i] as number) + one.of(Push.DRAIN)[0]?.data.retryAfterMs,
  );
  expect(Math.min(...waits)).toBeGreaterThan(last);
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([201, 503]));

  await server.start();
  const again = new ApiClient(server.url, ann.token);
  const history = await historyOf({ ...ann, api: again }, roomId);
  const stored = history.map(({ message }) => message.clientId);
  const answered = outcomes.filter(({ status }) => status === 201).map(({ clientId }) => clientId);
  expect(answered.length).toBeGreaterThanOrEqual(BEFORE);
  expect(stored.toSorted()).toEqual(answered.toSorted());

  // No client missed any of it, counting what came and what its cursor brings.
  for (const reader of [sockets[0], streams[0], sockets.at(-1), streams.at(-1)] as (LiveClient | SseReader)[]) {
    const resumed = await LiveClient.open(server.url, {
      token: tokenOf(reader === sockets[0] || reader === streams[0] ? 0 : EACH - 1),
      path: "/ws?resume=1",
    });
    resumed.send({ type: Command.RESUME, data: { cursor: reader.of(Push.DRAIN)[0]?.data.cursor } });
    await resumed.frame(Push.CURSOR, ({ data }) => data.live);
    const before = reader.frames.slice(
      0,
      reader.frames.findIndex(({ type }) => type === Push.DRAIN),
    );
    const seen = [...before, ...resumed.frames].filter(
      (frame) => frame.stream === stream && frame.type === Push.MESSAGE,
    );
    expect(seen.map(({ data }) => data.message.clientId)).toEqual(stored);
    resumed.close();
  }
}, 120_000);
