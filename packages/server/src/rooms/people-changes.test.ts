import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { Push, roomStream, userStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import { INTERNAL_STREAM, Internal } from "../identity/internal-events.ts";
import { nextTurn, withDeadline } from "../lib/interval.ts";
import { PeopleChanges } from "./people-changes.ts";

let chat: ChatFixture;
let changes: PeopleChanges;
let heard: { stream: string; type: number; data: { uid: number; name: string } }[];
let fails: (stream: string) => boolean;
let errors: unknown[];
let wake: () => void;

beforeEach(async () => {
  chat = await ChatFixture.open();
  heard = [];
  errors = [];
  fails = () => false;
  wake = () => {};
  changes = new PeopleChanges({
    db: chat.scratch.db,
    publish: (stream, frame) => {
      if (fails(stream)) throw new Error("not now");
      heard.push({ stream, ...JSON.parse(frame) });
      wake();
    },
    onError: (error) => void errors.push(error),
  });
});
afterEach(async () => {
  changes.stop();
  await chat.close();
});

function changed(...uids: number[]): void {
  for (const uid of uids) {
    const data = JSON.stringify({ uid });
    changes.onEvent({ stream: INTERNAL_STREAM, type: Internal.USER_CHANGED, data } as LoggedEvent);
  }
}

async function until(look: () => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  wake = () => look() && resolve();
  wake();
  await withDeadline(promise, 10_000, "waited 10 s for frames");
}

test("ID-20: a name is told to the person's own connections and small rooms, and is not logged", async () => {
  const [ann, bob] = (await chat.people(2)) as [number, number];
  const crowd = await chat.people(499);
  const small = await chat.group(bob, [ann]);
  const largest = await chat.group(bob, [ann, ...crowd.slice(1)]);
  await chat.group(bob, [ann, ...crowd]);
  const [gone, over] = [await chat.group(bob, [ann]), await chat.group(bob, [ann])];
  await chat.must(ann, "DELETE", `/rooms/${gone}/members/${ann}`);
  await chat.must(bob, "DELETE", `/rooms/${over}`);
  changed(ann);
  await until(() => heard.some(({ stream }) => stream === roomStream(largest)));
  expect(heard.map(({ stream }) => stream)).toEqual([userStream(ann), roomStream(small), roomStream(largest)]);
  expect(heard[0]).toEqual({
    stream: userStream(ann),
    type: Push.USER,
    data: { uid: ann, name: `p${ann}`, avatar: "", power: 0, createdAt: chat.clock.now() } as never,
  });
}, 30_000);

test("ID-20: what else is logged for servers changes nobody's name", async () => {
  const [ann, bob] = (await chat.people(2)) as [number, number];
  const disabled = { stream: INTERNAL_STREAM, type: Internal.ACCOUNT_DISABLED, data: JSON.stringify({ uid: ann }) };
  changes.onEvent(disabled as LoggedEvent);
  changed(bob);
  await until(() => heard.length === 1);
  await nextTurn();
  expect(heard.map(({ data }) => data.uid)).toEqual([bob]);
});

test("ID-20: the first change is told at once, further ones within a second together", async () => {
  const [ann, bob] = (await chat.people(2)) as [number, number];
  changed(ann);
  await until(() => heard.length === 1);
  changed(ann, bob, ann, ann);
  await until(() => heard.length === 3);
  expect(heard.map(({ data }) => data.uid)).toEqual([ann, ann, bob]);
}, 30_000);

test("ID-20: a hundred changes are told at once, and the others a second later", async () => {
  const people = await chat.people(101);
  changed(...people.slice(0, 1));
  await until(() => heard.length === 1);
  changed(...people);
  using timers = spyOn(globalThis, "setTimeout");
  const pauses = () => timers.mock.calls.filter(([, ms]) => ms === 1000).length;
  await until(() => heard.length >= 101);
  expect(heard).toHaveLength(101);
  await until(() => heard.length === 102);
  // One before the last change; there may be another one behind it already.
  expect(pauses()).toBeWithin(1, 3);
}, 30_000);

describe("ID-20: after the stop", () => {
  test("nothing is told, neither what waited nor what comes", async () => {
    const [ann, bob] = (await chat.people(2)) as [number, number];
    const [begun, ended] = [spyOn(globalThis, "setTimeout"), spyOn(globalThis, "clearTimeout")];
    try {
      changed(ann);
      const pauseAt = () => begun.mock.calls.findIndex(([, ms]) => ms === 1000);
      while (pauseAt() < 0) await nextTurn();
      changed(bob);
      const pause = begun.mock.results[pauseAt()];
      changes.stop();
      changed(ann);
      await nextTurn();
      expect(heard).toHaveLength(1);
      expect(ended.mock.calls.map(([timer]): unknown => timer)).toEqual([pause?.value]);
    } finally {
      begun.mockRestore();
      ended.mockRestore();
    }
  });

  test("what was being read is not told", async () => {
    const [ann] = (await chat.people(1)) as [number];
    changed(ann);
    changes.stop();
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    expect(heard).toEqual([]);
  });

  test("nothing begins where nothing was under way", async () => {
    const [ann] = (await chat.people(1)) as [number];
    changes.stop();
    changed(ann);
    await nextTurn();
    expect(heard).toEqual([]);
  });

  test("a failure of what was under way is no error, and no further round is planned", async () => {
    const [ann] = (await chat.people(1)) as [number];
    const reading = spyOn(chat.scratch.db.getExecutor(), "executeQuery").mockRejectedValue(new Error("not now"));
    const timers = spyOn(globalThis, "setTimeout");
    try {
      changed(ann);
      changes.stop();
      await nextTurn();
      expect([reading.mock.calls.length, errors, timers.mock.calls]).toEqual([1, [], []]);
    } finally {
      reading.mockRestore();
      timers.mockRestore();
    }
  });
});

test("ID-20: what could not be told is told later", async () => {
  const [ann] = (await chat.people(1)) as [number];
  let failures = 1;
  fails = () => failures-- > 0;
  changed(ann);
  await until(() => heard.length === 1);
  expect(errors).toEqual([new Error("not now")]);
}, 30_000);
