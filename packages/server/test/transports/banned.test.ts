import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ManualClock } from "../../src/lib/clock.ts";
import { administrator } from "../administrator.ts";
import { atOnce } from "../at-once.ts";
import { PASSWORD, type Person, say } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import { events, range, Stage, streamOf, textOf, texts } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
let root: Person;
const clock = new ManualClock(Date.now());
beforeAll(async () => {
  stage = await Stage.open({}, { clock });
  root = await administrator(stage.server, "root");
}, 30_000);
afterAll(() => stage.close());

const HIDDEN = "This message is hidden";
const ban = ({ uid }: Person, body: object = {}) => root.api.ok("PUT", `/admin/bans/users/${uid}`, body);
const unban = ({ uid }: Person) => root.api.ok("DELETE", `/admin/bans/users/${uid}`);
const blacks = (frames: readonly SeenFrame[], { uid }: Person) =>
  frames.filter(({ type, data }) => (type === Push.BLACK || type === Push.UNBLACK) && data.uid === uid);
const bodies = (reader: { frames: readonly SeenFrame[] }, room: number) =>
  events(reader, streamOf(room))
    .filter(({ type }) => type === Push.MESSAGE)
    .map(({ data }) => data.message.body.content ?? data.message.body);

/** A close code, an end that follows ERROR without a code, or the status of the next answer. */
const ENDS = { websocket: 4003, sse: 0, "long-poll": 403, "short-poll": 403 };

for (const transport of TRANSPORTS) {
  const isPoll = transport.name.endsWith("poll");

  describe(transport.name, () => {
    test("BAN-1: a banned person's readers end at once and get nothing more; let in again they go on without a gap", async () => {
      const person = await stage.person();
      const room = await stage.room([person]);
      const reader = await stage.read(transport, {}, person);
      await say(stage.ann, room, "before");
      await reader.until((frames) => texts({ frames }, room).includes("before"), "what was said before");
      await ban(person, { reason: "spam" });
      await atOnce(stage.server, "the reader has ended", () => reader.ended !== undefined);
      expect(reader.ended).toBe(ENDS[transport.name]);
      await say(stage.ann, room, "meanwhile");
      expect(texts(reader, room)).toEqual(["before"]);
      expect(blacks(reader.frames, person)).toEqual([]);
      const told = reader.frames.filter(({ type }) => type === Push.ERROR).map(({ data }) => [data.code, data.message]);
      expect(told).toEqual(isPoll ? [] : [["banned", "spam"]]);
      if (transport.name !== "websocket") {
        const refused = await stage.read(transport, {}, person).catch((error: unknown) => error);
        expect(refused).toMatchObject({ status: 403, code: "banned" });
      }
      await unban(person);
      const again = await stage.read(transport, { cursor: reader.cursor() }, person);
      await say(stage.ann, room, "after");
      await again.until((frames) => texts({ frames }, room).includes("after"), "what was said afterwards");
      expect(texts(again, room)).toEqual(["meanwhile", "after"]);
    }, 20_000);

    test("BAN-1: one who is banned while they resume ends too, and sees nothing that comes after the ban", async () => {
      const person = await stage.person();
      const room = await stage.room([person]);
      const { cursor } = await person.api.ok<{ cursor: string }>("GET", "/events");
      for (const n of range(1, 150)) await say(stage.ann, room, `${n}`);
      const [reader] = await Promise.all([
        stage.read(transport, { cursor }, person).catch((error: { status: number }) => error),
        ban(person),
      ]);
      await say(stage.ann, room, "after the ban");
      if (reader instanceof Error) expect(reader).toMatchObject({ status: 403, code: "banned" });
      else {
        const opened = reader as Awaited<ReturnType<Stage["read"]>>;
        await atOnce(stage.server, "the reader has ended", () => opened.ended !== undefined);
        expect(opened.ended).toBe(ENDS[transport.name]);
        expect(texts(opened, room)).not.toContain("after the ban");
      }
      await unban(person);
    }, 20_000);

    test("BAN-2: everybody is told of a ban and of its end, those who were away too", async () => {
      const person = await stage.person();
      const cursor = await stage.now();
      const reader = await stage.read(transport);
      await ban(person, { reason: "not for others" });
      await atOnce(stage.server, "BLACK has come", () => blacks(reader.frames, person).length === 1);
      await unban(person);
      await atOnce(stage.server, "UNBLACK has come", () => blacks(reader.frames, person).length === 2);
      stage.closeReaders();
      const late = await stage.read(transport, { cursor });
      await stage.settle(late);
      for (const { frames } of [reader, late]) {
        expect(blacks(frames, person)).toEqual([
          { type: Push.BLACK, data: { uid: person.uid }, stream: "all", seq: expect.any(Number) },
          { type: Push.UNBLACK, data: { uid: person.uid }, stream: "all", seq: expect.any(Number) },
        ]);
      }
      stage.closeReaders();
    });

    test("BAN-3: what they said while one was away is hidden, where it is quoted too, and not once they are let in again", async () => {
      const person = await stage.person();
      const room = await stage.room([stage.ben, person]);
      const cursor = await stage.now();
      const path = `/rooms/${room}/messages`;
      const request = { clientId: crypto.randomUUID(), type: 1, body: { content: "SECRET" } };
      const { message } = await person.api.ok<{ message: { id: number } }>("POST", path, request);
      const answer = { ...request, body: { content: "an answer" }, clientId: crypto.randomUUID(), replyTo: message.id };
      await stage.ann.api.ok("POST", path, answer);
      // Somebody who has read it before fills the memory that others are served from.
      const first = await stage.read(transport, { cursor });
      await stage.settle(first);
      expect(bodies(first, room)).toEqual(["SECRET", "an answer"]);
      stage.closeReaders();
      await ban(person);
      const during = await stage.read(transport, { cursor });
      await stage.settle(during);
      expect(JSON.stringify(during.frames)).not.toContain("SECRET");
      expect(bodies(during, room)).toEqual([HIDDEN, "an answer"]);
      stage.closeReaders();
      await unban(person);
      const after = await stage.read(transport, { cursor });
      await stage.settle(after);
      expect(bodies(after, room)).toEqual(["SECRET", "an answer"]);
      const quoted = after.frames.findLast((frame) => textOf(frame) === "an answer");
      expect(quoted?.data.message.body.reply).toMatchObject({ type: 1, body: "SECRET" });
      stage.closeReaders();
    });

    test("BAN-3: banned while others catch up: one who begins after the reply never sees their texts, and nobody misses an event", async () => {
      const person = await stage.person();
      const room = await stage.room([stage.ben, person]);
      const cursor = await stage.now();
      for (const n of range(1, 150)) await say(stage.ann, room, `${n}`);
      await say(person, room, "SECRET");
      for (const n of range(151, 300)) await say(stage.ann, room, `${n}`);
      const reader = await stage.read(transport, { cursor });
      await ban(person);
      const late = await stage.read(transport, { cursor });
      await Promise.all([stage.settle(reader), stage.settle(late)]);
      expect(JSON.stringify(late.frames)).not.toContain("SECRET");
      for (const one of [reader, late]) {
        expect(events(one, streamOf(room)).map(({ seq }) => seq)).toEqual(range(2, 302));
      }
      stage.closeReaders();
    }, 20_000);
  });
}

test("BAN-1: every route is 403 with the end and the reason, and a sign-in too, after the right password only", async () => {
  const person = await stage.person();
  const until = clock.now() + 3_600_000;
  await ban(person, { until, reason: "spam" });
  const told = { code: "banned", status: 403, detail: "spam", until, reason: "spam" };
  for (const path of ["/me", "/rooms", "/events", "/users?query=an"]) {
    expect(await person.api.call("GET", path)).toMatchObject({ status: 403, body: told });
  }
  const signIn = (password: string) => stage.server.api.call("POST", "/logins", { name: person.name, password });
  expect(await signIn(PASSWORD)).toMatchObject({ status: 403, body: told });
  expect(await signIn("a wrong password")).toMatchObject({ status: 401, body: { code: "unauthorized" } });
  expect(await person.api.call("POST", "/logins/refresh")).toMatchObject({ status: 403, body: { code: "banned" } });
  await unban(person);
  expect((await person.api.call("GET", "/me")).status).toBe(200);
  expect((await signIn(PASSWORD)).status).toBe(201);
});

test("BAN-1: a banned person opens no connection, and is not told who they would be", async () => {
  const person = await stage.person();
  await ban(person);
  const live = await stage.server.connect({ token: person.token });
  expect(await live.ended()).toEqual({ code: 4003, reason: "banned" });
  expect(live.frames.map(({ type, data }) => [type, data.code])).toEqual([[Push.ERROR, "banned"]]);
});

test("BAN-5: a ban ends by itself within a second of its time, also over a restart", async () => {
  const [person, other] = [await stage.person(), await stage.person()];
  const live = await stage.server.live(stage.ann);
  await ban(person, { until: clock.now() + 60_000 });
  clock.advance(60_000);
  const isTold = () => live.frames.some(({ type, data }) => type === Push.UNBLACK && data.uid === person.uid);
  await atOnce(stage.server, "UNBLACK has come", isTold, { afterMs: 1000 });
  expect((await person.api.call("GET", "/me")).status).toBe(200);
  await ban(other, { until: clock.now() + 60_000 });
  live.close();
  stage.closeReaders();
  // The time passes while no server runs.
  const cursor = await stage.now();
  const { status } = await other.api.call("GET", "/me");
  expect(status).toBe(403);
  clock.advance(60_000);
  await stage.server.restart();
  const url = stage.server.url;
  const asked = await fetch(`${url}/api/v1/me`, { headers: { Authorization: `Bearer ${other.token}` } });
  expect(asked.status).toBe(200);
  const polled = await fetch(`${url}/api/v1/events?cursor=${cursor}`, {
    headers: { Authorization: `Bearer ${stage.ann.token}` },
  });
  const { events: frames } = (await polled.json()) as { events: SeenFrame[] };
  expect(blacks(frames, other).map(({ type }) => type)).toEqual([Push.UNBLACK]);
}, 20_000);
