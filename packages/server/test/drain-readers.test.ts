import { afterEach, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { STOP_CAP_MS } from "../src/cli/serve.ts";
import { withDeadline } from "../src/lib/interval.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { sendAll } from "./load.ts";
import { RawClient } from "./raw-client.ts";
import { ServerProcess } from "./server-process.ts";
import { SseReader } from "./sse-reader.ts";

/** More than the kernel's buffers and a queue hold. */
const MESSAGES = 5000;

let server: ServerProcess;
afterEach(() => server.remove());

/** A room whose history is too long to be sent to somebody who does not read. */
async function start(spreadSeconds: number): Promise<{ ann: Person; ben: Person; stream: string; cursor: string }> {
  const entry = new URL("./slow-drain.ts", import.meta.url).pathname;
  server = new ServerProcess({ DRAIN_SECONDS: String(spreadSeconds) }, { entry });
  await server.start();
  const [ann, ben] = await Promise.all([signUp(server.url, "ann"), signUp(server.url, "ben")]);
  const { id: roomId } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [ben.uid] });
  const { cursor } = await ben.api.ok<{ cursor: string }>("GET", "/events");
  const senders = Array.from({ length: 16 }, () => ann);
  await sendAll({ senders, roomId, count: MESSAGES, text: "x".repeat(4000) });
  return { ann, ben, stream: `room:${roomId}`, cursor };
}

test("DR-5: during a backfill DRAIN's cursor is exactly what came before it, and the backfill goes on until the close", async () => {
  const { ann, ben, stream, cursor } = await start(12);
  // They say nothing, and have to be open until their moments come, however long everything takes.
  const other = await LiveClient.open(server.url, { token: ann.token, path: "/ws?idle=120" });
  await other.frame(Push.RED_DOT);
  const reader = await RawClient.open(server.url, ben.token, "/ws?resume=1&idle=120");
  await reader.until((frames) => frames.some(({ type }) => type === Push.RED_DOT));
  reader.send({ type: Command.RESUME, data: { cursor, max: 100_000 } });
  await reader.until((frames) => frames.some((frame) => frame.stream === stream));
  reader.pause();
  // Its reader takes no more, so the backfill stops when it has filled what lies between.
  await other.echo();
  server.terminate();
  await other.frame(Push.DRAIN);
  reader.resume();
  await reader.until((frames) => frames.some(({ type }) => type === Push.DRAIN));
  await reader.ended();
  expect(reader.code).toBe(1012);
  expect(await server.exited()).toBe(0);

  const at = reader.frames.findIndex(({ type }) => type === Push.DRAIN);
  const seqsOf = (frames: typeof reader.frames) => frames.filter((one) => one.stream === stream).map(({ seq }) => seq);
  const before = seqsOf(reader.frames.slice(0, at));
  expect(before.length).toBeLessThan(MESSAGES);
  expect(seqsOf(reader.frames.slice(at)).length).toBeGreaterThan(0);

  await server.start();
  const again = await LiveClient.open(server.url, { token: ben.token, path: "/ws?resume=1" });
  again.send({ type: Command.RESUME, data: { cursor: reader.frames[at]?.data.cursor, max: 100_000 } });
  await again.frame(Push.CURSOR, ({ data }) => data.live, 20_000);
  const all = [...before, ...again.stream(stream).map(({ seq }) => seq)];
  expect(all).toEqual(Array.from({ length: MESSAGES }, (_, i) => i + 2));
}, 60_000);

test("DR-7: readers that have stopped reading do not hold up the stop", async () => {
  const { ann, ben, stream: room, cursor } = await start(1);
  const other = await LiveClient.open(server.url, { token: ann.token });
  await other.frame(Push.RED_DOT);
  const socket = await RawClient.open(server.url, ben.token, "/ws?resume=1");
  await socket.until((frames) => frames.some(({ type }) => type === Push.RED_DOT));
  socket.send({ type: Command.RESUME, data: { cursor, max: 100_000 } });
  await socket.until((frames) => frames.some((frame) => frame.stream === room));
  socket.pause();
  const stream = await SseReader.open(server.url, ben.token, `?max=100000&cursor=${encodeURIComponent(cursor)}`);
  stream.pause();
  await other.echo();
  server.terminate();
  expect((await other.ended()).code).toBe(1012);
  // One second is for the drain, and three are for what is on its way; the stop would be cut after 25 s.
  expect(await withDeadline(server.exited(), STOP_CAP_MS - 5000, "the readers held up the stop")).toBe(0);
  await server.start();
  expect((await new ApiClient(server.url, ann.token).call("GET", "/me")).status).toBe(200);
}, 60_000);
