import { afterAll, beforeAll, expect, test } from "bun:test";
import { ApiClient } from "../api-client.ts";
import { type Person, signUp } from "../harness.ts";
import { sendAll } from "../load.ts";
import { ServerProcess } from "../server-process.ts";
import { events, range, resyncs, streamOf } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

const server = new ServerProcess();
beforeAll(() => server.start(), 30_000);
afterAll(() => server.remove());

test("TR-10: after kill -9 a reader of any transport goes on where it was: every acknowledged message comes once, in order", async () => {
  const [ann, ben] = (await Promise.all(["ann", "ben"].map((name) => signUp(server.url, name)))) as [Person, Person];
  const { id } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [ben.uid] });
  const { cursor } = await ben.api.ok<{ cursor: string }>("GET", "/events");
  const readers = await Promise.all(TRANSPORTS.map((transport) => transport.open(server.url, ben, { cursor })));

  let answers = 0;
  let killed: Promise<void> | undefined;
  const senders = Array.from({ length: 8 }, () => ann);
  const onAnswer = ({ status }: { status: number | undefined }) => {
    if (status === 201) answers += 1;
    if (answers === 200) killed ??= server.kill();
  };
  const sent = await sendAll({ senders, roomId: id, count: 400, onAnswer });
  await killed;
  for (const reader of readers) await reader.until(() => reader.ended !== undefined, "the kill");

  await server.start();
  const api = new ApiClient(server.url, ann.token);
  const more = await sendAll({ senders: [{ ...ann, api }], roomId: id, count: 5, label: "more" });
  const head = (await api.ok<{ seq: number }>("GET", `/rooms/${id}`)).seq;
  const acknowledged = [...sent, ...more].filter(({ status }) => status === 201).map(({ clientId }) => clientId);
  expect(acknowledged.length).toBeGreaterThanOrEqual(205);
  for (const [index, before] of readers.entries()) {
    const transport = TRANSPORTS[index] as (typeof TRANSPORTS)[number];
    const after = await transport.open(server.url, ben, { cursor: before.cursor() });
    await after.until(
      (frames) => frames.some(({ stream, seq }) => stream === streamOf(id) && seq === head),
      "the rest",
    );
    const all = [...events(before, streamOf(id)), ...events(after, streamOf(id))];
    expect([transport.name, all.map(({ seq }) => seq)]).toEqual([transport.name, range(2, head)]);
    const clientIds = new Set(all.map(({ data }) => data.message.clientId));
    expect(acknowledged.filter((clientId) => !clientIds.has(clientId))).toEqual([]);
    expect(resyncs(after)).toEqual([]);
    after.close();
  }
}, 30_000);
