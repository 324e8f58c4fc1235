import { afterEach, expect, test } from "bun:test";
import { type LogRig, openLog } from "../../test/log-rig.ts";

let rig: LogRig;
afterEach(() => rig.close());

test("LOG-1 seqs of a stream have no gap and follow the order of commit, whoever appends", async () => {
  rig = await openLog();
  const streams = ["room:1", "room:2", "user:20000"];
  await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      rig.append({ stream: streams[i % 3] as string }, { stream: streams[(i + 1) % 3] as string }),
    ),
  );
  const all = await rig.reader.all(0, 1000);
  expect(all.map((event) => event.pos)).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
  for (const stream of streams) {
    const seqs = all.filter((event) => event.stream === stream).map((event) => event.seq);
    expect(seqs).toEqual(seqs.map((_, i) => i + 1));
    expect((await rig.reader.states([stream])).get(stream)?.head).toEqual({
      seq: seqs.length,
      pos: all.findLast((event) => event.stream === stream)?.pos as number,
    });
  }
});

test("LOG-2 a message's id is the position of its event, and its text is not in the log", async () => {
  rig = await openLog();
  const [place] = await rig.append({ stream: "room:1", message: "own" });
  const [event] = await rig.reader.all(0, 10);
  expect(event).toMatchObject({ pos: place?.pos as number, messageId: place?.pos as number, data: null });
});

test("LOG-3 a transaction that fails leaves no event and no number behind", async () => {
  rig = await openLog();
  const bad = rig.append({ stream: "room:1" }, { stream: null as unknown as string });
  const good = rig.append({ stream: "room:1", data: { good: true } });
  await expect(bad).rejects.toThrow();
  expect(await good).toEqual([{ pos: 1, seq: 1 }]);
  expect(rig.scratch.events.map((event) => event.data)).toEqual(['{"good":true}']);
});
