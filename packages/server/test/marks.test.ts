/** Counts of marks on a running server: however many people mark at once, everybody gets the counts that are stored. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { HALL_ROOM_ID, type MarkChange, type MessageMark, Push } from "@parley/protocol";
import fc from "fast-check";
import { createAccount } from "../src/identity/accounts-writes.ts";
import { hashOf, newToken } from "../src/identity/tokens.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, TestServer } from "./harness.ts";
import type { SeenFrame } from "./live-client.ts";
import { StillTime } from "./still-time.ts";
import { range } from "./transports/stage.ts";

const PEOPLE = 100;

let server: TestServer;
let people: Person[];
beforeAll(async () => {
  server = await TestServer.start();
  // They have no passwords, so that the test does not wait for a hundred hashes.
  people = await Promise.all(range(1, PEOPLE).map((n) => person(`person ${n}`)));
}, 30_000);
afterAll(() => server.stop());

async function person(name: string): Promise<Person> {
  const token = newToken();
  const account = { name, passwordHash: "", tokenHash: hashOf(token), ip: "203.0.113.9", userAgent: "test" };
  const { user } = await server.storage.writes.run(createAccount, account);
  return { uid: user.uid, name, token, api: new ApiClient(server.url, token) };
}

async function said(content: string): Promise<number> {
  const request = { clientId: crypto.randomUUID(), type: 1, body: { content } };
  const { api } = people[0] as Person;
  return (await api.ok<{ message: { id: number } }>("POST", `/rooms/${HALL_ROOM_ID}/messages`, request)).message.id;
}

/** What one person does to a message, one after the other. */
const acts = fc.array(
  fc.record({ method: fc.constantFrom("PUT", "DELETE"), mark: fc.constantFrom("like", "dislike") }),
  { minLength: 1, maxLength: 4 },
);

/** The person's mark after all of them. */
function markAfter(list: readonly { method: string; mark: string }[]): string | undefined {
  return list.reduce<string | undefined>((now, { method, mark }) => {
    if (method === "PUT") return mark;
    return now === mark ? undefined : now;
  }, undefined);
}

/** Everything that MARK said about a message, in order. */
function changesOf(frames: readonly SeenFrame[], id: number): MarkChange[] {
  const lists = frames.filter(({ type }) => type === Push.MARK).map(({ data }) => data.markList as MarkChange[]);
  return lists.flat().filter(({ msgId }) => msgId === id);
}

const lastCounts = (changes: readonly MarkChange[]) =>
  [1, 2].map((type) => changes.findLast(({ markType }) => markType === type)?.markCount ?? 0);

test("IM-83: 100 people toggle at once: the last MARK, the history, a recount of the rows and each person's own marks agree", async () => {
  const watcher = await server.live(people[0] as Person);
  await fc.assert(
    fc.asyncProperty(fc.array(acts, { minLength: PEOPLE, maxLength: PEOPLE }), async (all) => {
      const id = await said("toggle me");
      await Promise.all(
        all.map(async (list, n) => {
          const { api } = people[n] as Person;
          for (const { method, mark } of list) await api.ok(method, `/messages/${id}/marks/${mark}`);
        }),
      );
      await watcher.echo();
      const wanted = all.map(markAfter);
      const counts = ["like", "dislike"].map((name) => wanted.filter((mark) => mark === name).length);
      const changes = changesOf(watcher.frames, id);
      expect(lastCounts(changes)).toEqual(counts);
      // Each has the count of its moment: one more or one less than the one before it.
      for (const type of [1, 2]) {
        const own = changes.filter(({ markType }) => markType === type);
        const steps = own.map(({ markCount }, n) => markCount - (own[n - 1]?.markCount ?? 0));
        expect(steps).toEqual(own.map(({ actType }) => (actType === 1 ? 1 : -1)));
      }
      const rows = await server.storage.db.selectFrom("marks").select("type").where("message_id", "=", id).execute();
      expect([1, 2].map((type) => rows.filter((row) => row.type === type).length)).toEqual(counts);
      const marks = await Promise.all(people.map(({ api }) => historyMark(api, id)));
      const own = (name: string, n: number): 0 | 1 => (wanted[n] === name ? 1 : 0);
      expect(marks).toEqual(
        people.map((_, n) => ({
          likeCount: counts[0] as number,
          userLike: own("like", n),
          dislikeCount: counts[1] as number,
          userDislike: own("dislike", n),
        })),
      );
    }),
    { numRuns: 5 },
  );
}, 60_000);

async function historyMark(api: ApiClient, id: number): Promise<MessageMark> {
  type Page = { items: { message: { id: number; messageMark: MessageMark } }[] };
  const { items } = await api.ok<Page>("GET", `/rooms/${HALL_ROOM_ID}/messages?limit=5`);
  return items.find(({ message }) => message.id === id)?.message.messageMark as MessageMark;
}

test("IM-87: a person marks 20 times at once, then 5 times a second; others are not held back", async () => {
  const strict = await TestServer.start({ RATE_LIMITS: "on" });
  try {
    using _time = new StillTime();
    const [ann, ben] = [await strict.person("ann"), await strict.person("ben")];
    const statuses = await Promise.all(range(1, 25).map(() => ann.api.call("PUT", "/messages/99/marks/like")));
    const refused = statuses.filter(({ status }) => status === 429);
    expect(statuses.filter(({ status }) => status === 404)).toHaveLength(20);
    expect(refused).toHaveLength(5);
    expect(refused[0]?.headers.get("Retry-After")).toBe("1");
    expect((await ben.api.call("PUT", "/messages/99/marks/like")).status).toBe(404);
  } finally {
    await strict.stop();
  }
}, 20_000);
