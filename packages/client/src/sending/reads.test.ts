import { expect, test } from "bun:test";
import { withDeadline } from "../../../server/src/lib/interval.ts";
import type { Message } from "../api/api-types.ts";
import { Reads } from "./reads.ts";

const ME = 20_001;

/** A rig whose gathering ends when the test says so. */
function rig() {
  const asked: string[] = [];
  const stop = new AbortController();
  let signal = stop.signal;
  const reads = new Reads({
    gatherMs: 60_000,
    signal: () => signal,
    ask: async (roomId, seq) => {
      asked.push(`${roomId}@${seq}`);
      return { roomId, readSeq: seq, unread: 3 };
    },
  });
  const said = (roomId: number, seq: number, uid: number) =>
    reads.said({ fromUser: { uid }, message: { roomId, seq } } as Message, ME);
  /** A stop, after which the client may be started again. */
  const stopped = () => {
    stop.abort();
    signal = new AbortController().signal;
  };
  return { reads, asked, said, stopped };
}

const soon = <T>(promise: Promise<T>) => withDeadline(promise, 4000, "it was not answered");

test("SDK-49: the first place of each room is told at once, and what follows within a second by one request, the farthest", async () => {
  const { reads, asked, stopped } = rig();
  expect(await soon(reads.read(7, 1))).toEqual({ roomId: 7, readSeq: 1, unread: 3 });
  const later = [reads.read(7, 2), reads.read(7, 5), reads.read(7, 3)];
  await soon(reads.read(8, 9));
  expect(asked).toEqual(["7@1", "8@9"]);
  stopped();
  expect((await soon(Promise.all(later))).map(({ readSeq }) => readSeq)).toEqual([5, 5, 5]);
  expect(asked).toEqual(["7@1", "8@9", "7@5"]);
});

test("SDK-49: a room's own second ends", async () => {
  const asked: number[] = [];
  const ask = async (roomId: number, readSeq: number) => {
    asked.push(readSeq);
    return { roomId, readSeq, unread: 0 };
  };
  const reads = new Reads({ gatherMs: 5, signal: () => new AbortController().signal, ask });
  for (const seq of [1, 2, 3]) await soon(reads.read(7, seq));
  expect(asked).toEqual([1, 2, 3]);
});

test("SDK-49: what the user wrote last is not told, and with the next message of somebody else it is again", async () => {
  const { reads, asked, said } = rig();
  said(7, 4, ME);
  expect(await soon(reads.read(7, 4))).toEqual({ roomId: 7, readSeq: 4, unread: 0 });
  expect(asked).toEqual([]);
  said(7, 5, 20_002);
  await soon(reads.read(7, 5));
  expect(asked).toEqual(["7@5"]);
});

test("SDK-49: what waits when the user writes is known by their message", async () => {
  const { reads, asked, said, stopped } = rig();
  await soon(reads.read(7, 1));
  const waits = reads.read(7, 2);
  said(7, 3, ME);
  stopped();
  expect(await soon(waits)).toEqual({ roomId: 7, readSeq: 3, unread: 0 });
  expect(asked).toEqual(["7@1"]);
});

test("SDK-49: with another user nothing of the one before is told", async () => {
  const { reads, asked, stopped } = rig();
  await soon(reads.read(7, 1));
  const waits = reads.read(7, 2).catch((error: { code: string }) => error.code);
  stopped();
  reads.clear();
  expect(await soon(waits)).toBe("other_user");
  expect(asked).toEqual(["7@1"]);
  await soon(reads.read(7, 1));
  expect(asked).toEqual(["7@1", "7@1"]);
});
