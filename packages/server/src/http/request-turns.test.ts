import { expect, test } from "bun:test";
import { RequestTurns } from "./request-turns.ts";

const HERE = { signal: { aborted: false } };

/** A loop that turns when the test says so, and what was begun, in order. */
function rig(most = 4) {
  let nowMs = 0;
  const ends: (() => void)[] = [];
  const begun: string[] = [];
  const turns = new RequestTurns({ most, now: () => nowMs, afterTurn: (then) => void ends.push(then) });
  const ask = (ip: string, name = ip, request = HERE) => {
    const turn = turns.turnOf(ip, request);
    if (!turn) begun.push(name);
    else void turn.then((isThere) => begun.push(isThere ? name : `${name} has gone`));
  };
  const turn = async (tookMs = 3) => {
    nowMs += tookMs;
    for (const end of ends.splice(0)) end();
    for (let n = 0; n < 3; n++) await Promise.resolve();
  };
  const taken = () => begun.splice(0);
  return { turns, ask, turn, taken, pending: () => ends.length };
}

test("HTTP-40: in one turn of the loop so many requests are begun, and the others in the next ones, in order", async () => {
  const { turns, ask, turn, taken, pending } = rig();
  for (let n = 0; n < 10; n++) ask("a", `a${n}`);
  expect([taken(), turns.waiting]).toEqual([["a0", "a1", "a2", "a3"], 6]);
  // New requests go behind those that wait.
  await turn();
  ask("a", "a10");
  expect([taken(), turns.waiting]).toEqual([["a4", "a5", "a6", "a7"], 3]);
  await turn();
  expect([taken(), turns.waiting]).toEqual([["a8", "a9", "a10"], 0]);
  await turn();
  // Nobody waits: nothing is asked of the loop until somebody comes.
  expect(pending()).toBe(0);
  for (let n = 0; n < 5; n++) ask("a", `b${n}`);
  expect([taken(), turns.waiting]).toEqual([["b0", "b1", "b2", "b3"], 1]);
});

test("HTTP-40: addresses take turns, an IPv6 /48 as one, so that somebody else waits for one turn only", async () => {
  const { ask, turn, taken } = rig();
  for (let n = 0; n < 12; n++) ask(`2001:db8:0:${n}::1`, `flood${n}`);
  expect(taken()).toHaveLength(4);
  ask("192.0.2.1", "bystander");
  ask("192.0.2.1", "bystander again");
  await turn();
  expect(taken()).toEqual(["flood4", "bystander", "flood5", "bystander again"]);
  await turn();
  expect(taken()).toEqual(["flood6", "flood7", "flood8", "flood9"]);
});

test("HTTP-40: requests of clients that have gone are dropped, and take nobody's turn", async () => {
  const { ask, turn, taken } = rig();
  for (let n = 0; n < 4; n++) ask("a");
  const gone = { signal: { aborted: false } };
  for (let n = 0; n < 5; n++) ask("a", `gone${n}`, gone);
  for (let n = 0; n < 4; n++) ask("a", `here${n}`);
  gone.signal.aborted = true;
  taken();
  await turn();
  expect(taken()).toEqual([
    ...Array.from({ length: 5 }, (_, n) => `gone${n} has gone`),
    ...Array.from({ length: 4 }, (_, n) => `here${n}`),
  ]);
});

test("HTTP-40: where requests take long fewer of them are begun in a turn, and more again when they do not", async () => {
  const { ask, turn, taken } = rig(256);
  for (let n = 0; n < 2000; n++) ask("a");
  const counts = [taken().length];
  for (const tookMs of [11, 11, 11, 10, 5, 4.9, 4.9, 4.9]) {
    await turn(tookMs);
    counts.push(taken().length);
  }
  expect(counts).toEqual([256, 128, 64, 64, 64, 64, 128, 256, 256]);
});

test("HTTP-40: turns that take long count where nobody waits, too", async () => {
  const { ask, turn, taken } = rig(256);
  for (let n = 0; n < 150; n++) ask("a");
  expect(taken()).toHaveLength(150);
  await turn(30);
  for (let n = 0; n < 150; n++) ask("a");
  expect(taken()).toHaveLength(128);
});
