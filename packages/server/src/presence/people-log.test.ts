import { describe, expect, test } from "bun:test";
import { NodePeople } from "./node-people.ts";
import { NO_LOAD, type PersonNews } from "./own-people.ts";
import { CHUNK_PEOPLE, CHUNKS_AT_ONCE, type PeopleChunk, PeopleLog } from "./people-log.ts";

const here = (uid: number, load = {}): PersonNews => ({
  uid,
  came: 1000 + uid,
  load: { ...NO_LOAD, connections: 1, since: 5, ...load },
});
const gone = (uid: number): PersonNews => ({ uid, went: 2000 + uid });
const people = (count: number, from = 1) => Array.from({ length: count }, (_, i) => from + i);
const named = (chunks: readonly PeopleChunk[]) => chunks.flatMap((chunk) => chunk.people.map(([uid]) => uid));

/** Another node's view, and the people it has. */
function view() {
  const online = new Set<number>();
  const node = new NodePeople({
    came: (uid) => void online.add(uid),
    went: (uid) => void online.delete(uid),
    changed: () => {},
  });
  const take = (chunks: readonly PeopleChunk[]) => {
    for (const chunk of chunks) node.take(chunk, { sentMs: 0, nowMs: 0 });
  };
  return { online, node, take };
}

describe("what a node tells of its people", () => {
  test("NODE-1: news follow each other without a hole, and say nothing twice", () => {
    const log = new PeopleLog();
    const first = log.take(people(CHUNK_PEOPLE + 1).map((uid) => here(uid)));
    expect(first.map(({ from, to }) => [from, to])).toEqual([
      [0, CHUNK_PEOPLE],
      [CHUNK_PEOPLE, CHUNK_PEOPLE + 1],
    ]);
    expect(log.take([here(1), gone(7000)])).toEqual([]);
    expect(log.take([gone(1)])).toMatchObject([{ from: CHUNK_PEOPLE + 1, to: CHUNK_PEOPLE + 2, people: [[1, 2001]] }]);
    expect(log.take([gone(1)])).toEqual([]);
  });

  test("NODE-1: an answer has what came behind a version only, each person once, and at most so many messages", () => {
    const log = new PeopleLog();
    log.take(people(10).map((uid) => here(uid)));
    log.take([here(3, { connections: 2 }), gone(4)]);
    expect(named(log.since({ after: 0, safe: 0 }))).toEqual([1, 2, 5, 6, 7, 8, 9, 10, 3, 4]);
    expect(log.since({ after: 9, safe: 9 })).toMatchObject([{ from: 9, to: 12, end: true }]);
    expect(named(log.since({ after: 9, safe: 9 }))).toEqual([10, 3, 4]);
    expect(log.since({ after: 12, safe: 12 })).toEqual([{ from: 12, to: 12, newest: 12, people: [], end: true }]);
    log.take(people(CHUNK_PEOPLE * CHUNKS_AT_ONCE * 2, 100).map((uid) => here(uid)));
    const answer = log.since({ after: 12, safe: 12 });
    expect(answer.length).toBe(CHUNKS_AT_ONCE);
    expect(answer.map(({ end }) => end ?? false)).toEqual([...Array(CHUNKS_AT_ONCE - 1).fill(false), true]);
  });

  test("NODE-1: a poll that follows another one is no news, and one more that waits is", () => {
    const log = new PeopleLog();
    log.take([here(1, { polls: 1, pollingSince: 10 })]);
    expect(log.take([here(1, { polls: 1, pollingSince: 20 })])).toEqual([]);
    expect(log.take([here(1, { polls: 2, pollingSince: 20 })])).toHaveLength(1);
    expect(log.take([here(1, { polls: 2, pollingSince: 30 })])).toHaveLength(1);
    expect(log.take([here(1)])).toHaveLength(1);
  });

  test("NODE-1: those who went are named up to a bound; beyond it everything is told anew", () => {
    const log = new PeopleLog(4);
    const { online, take, node } = view();
    take(log.take(people(10).map((uid) => here(uid))));
    // The same few people, over and over: none is forgotten for that.
    for (let round = 0; round < 5; round++) {
      log.take([gone(1), gone(2)]);
      log.take([here(1), here(2)]);
    }
    expect(log.since(node.place)[0]?.forgot).toBeUndefined();
    log.take(people(6).map(gone));
    expect(log.since(node.place)[0]?.forgot).toBeDefined();
    take(log.since(node.place));
    expect([...online].sort((a, b) => a - b)).toEqual([7, 8, 9, 10]);
  });

  test("NODE-1: what is told anew in parts goes on where it stopped", () => {
    const log = new PeopleLog(4);
    const { online, take, node } = view();
    take(log.take([here(1_000_000)]));
    const many = CHUNK_PEOPLE * CHUNKS_AT_ONCE + 50;
    log.take(people(many).map((uid) => here(uid)));
    // They are the newest that is forgotten, so what has been told by then lies before that.
    log.take([gone(1_000_000), ...people(5, 2_000_000).map((uid) => here(uid))]);
    log.take(people(5, 2_000_000).map(gone));
    // People who go meanwhile are named, so that nothing has to begin again.
    log.take([gone(1), gone(2)]);
    take(log.since(node.place));
    expect(node.isBehind).toBe(true);
    const rest = log.since(node.place);
    expect(rest[0]?.forgot).toBeUndefined();
    take(rest);
    expect(node.isBehind).toBe(false);
    expect(online.size).toBe(many - 2);
    expect(online.has(1_000_000)).toBe(false);
  });

  test("NODE-1: a log that was emptied while its node was alone tells everything anew", () => {
    const log = new PeopleLog();
    const { online, take, node } = view();
    take(log.take(people(10).map((uid) => here(uid))));
    log.clear();
    log.take([here(3)]);
    take(log.since(node.place));
    expect([...online]).toEqual([3]);
  });

  test("NODE-4: times of another node are told in ours, as its fastest message shows them", () => {
    const log = new PeopleLog();
    const { node } = view();
    const [chunk] = log.take([
      here(1, { since: 400 }),
      here(2, { connections: 2, since: 300, polls: 1, pollingSince: 350 }),
    ]);
    node.take(chunk as PeopleChunk, { sentMs: 1000, nowMs: 51_030 });
    expect([node.loadOf(1).since, node.loadOf(2).pollingSince]).toEqual([50_430, 50_380]);
    node.take(chunk as PeopleChunk, { sentMs: 2000, nowMs: 52_001 });
    node.take(chunk as PeopleChunk, { sentMs: 3000, nowMs: 53_900 });
    expect(node.loadOf(1)).toEqual({ connections: 1, since: 50_401, polls: 0, pollingSince: 50_001 });
    expect(node.loadOf(2)).toEqual({ connections: 2, since: 50_301, polls: 1, pollingSince: 50_351 });
    expect(node.loadOf(3).connections).toBe(0);
  });

  test("NODE-1: what comes twice, or too late, or without what lies between, changes nothing", () => {
    const log = new PeopleLog();
    const { online, take, node } = view();
    const first = log.take([here(1)]);
    const second = log.take([gone(1)]);
    const third = log.take([here(2)]);
    take([...first, ...third]);
    expect([[...online], node.isBehind]).toEqual([[1], true]);
    take([...second, ...first, ...second, ...third, ...first]);
    expect([[...online], node.isBehind]).toEqual([[2], false]);
  });
});
