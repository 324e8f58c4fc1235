import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { StillTime } from "../../test/still-time.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

let chat: ChatFixture;
let time: StillTime;
let ann: number;
let others: number[];

beforeEach(async () => {
  chat = await ChatFixture.open({ RATE_LIMITS: "on" });
  time = new StillTime();
  [ann] = (await chat.people(1)) as [number];
  others = await chat.people(120);
});
afterEach(async () => {
  time[Symbol.dispose]();
  await chat.close();
});

const ask = async (who: number, userId: number) =>
  (await chat.ask(who, "POST", "/friend-requests", { userId })).body as { id?: number; code?: string };

test("FRD-11: a person asks ten people in a minute and a hundred in a day", async () => {
  // Answered requests do not wait, so the cap on open ones does not apply.
  const askToBeRejected = async (other: number) => {
    const { id, code } = await ask(ann, other);
    if (id !== undefined) await chat.must(other, "POST", `/friend-requests/${id}/reject`);
    return code;
  };
  for (let first = 0; first < 100; first += 10) {
    const ten = others.slice(first, first + 10);
    expect(await Promise.all(ten.map(askToBeRejected))).toEqual(ten.map(() => undefined));
    expect((await ask(ann, others[100] as number)).code).toBe("rate_limited");
    time.advance(MINUTE);
  }
  expect((await ask(ann, others[100] as number)).code).toBe("rate_limited");
  time.advance(DAY);
  expect((await ask(ann, others[110] as number)).code).toBeUndefined();
});

test("FRD-11: the same other person is asked five times in a day, and others still are", async () => {
  const [ben, cem] = others as [number, number];
  for (let n = 0; n < 5; n++) {
    const { id } = await ask(ann, ben);
    expect((await chat.ask(ann, "DELETE", `/friend-requests/${id}`)).status).toBe(204);
  }
  expect((await ask(ann, ben)).code).toBe("rate_limited");
  expect((await ask(ann, cem)).code).toBeUndefined();
  expect((await ask(cem, ben)).code).toBeUndefined();
  time.advance(DAY);
  expect((await ask(ann, ben)).code).toBeUndefined();
});

test("FRD-11: a request that is refused for one pair's number does not count against the person", async () => {
  const [ben] = others as [number];
  for (let n = 0; n < 5; n++) await ask(ann, ben);
  for (let n = 0; n < 4; n++) expect((await ask(ann, ben)).code).toBe("rate_limited");
  for (const other of others.slice(1, 5)) expect((await ask(ann, other)).code).toBeUndefined();
});

test("FRD-11: answers and changes of friends and blocks are thirty in a minute together", async () => {
  const [ben] = others as [number];
  for (let n = 0; n < 15; n++) {
    expect((await chat.ask(ann, "PUT", `/blocks/${ben}`)).status).toBe(204);
    expect((await chat.ask(ann, "DELETE", `/friends/${ben}`)).status).toBe(204);
  }
  expect((await chat.ask(ann, "DELETE", `/blocks/${ben}`)).body.code).toBe("rate_limited");
  expect((await chat.ask(ben, "PUT", `/blocks/${ann}`)).status).toBe(204);
});
