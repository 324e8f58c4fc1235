/** A server on SQLite, `parley move`, and a server on PostgreSQL in its place: nobody notices more than a restart. */
import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Push } from "@parley/protocol";
import { administrator } from "./administrator.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, say, TestServer } from "./harness.ts";
import { historyOf } from "./history.ts";
import { LiveClient } from "./live-client.ts";
import { parleyCommand } from "./parley-command.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { type Door, openDoor, personAtDoor } from "./server-door.ts";
import { events, range, resyncs, streamOf, textOf } from "./transports/stage.ts";
import { TRANSPORTS } from "./transports/transports.ts";
import { Receiver } from "./webhook-receiver.ts";

const dir = mkdtempSync(join(tmpdir(), "parley-move-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const parley = (args: readonly string[], dataDir: string) => parleyCommand(args, { DATA_DIR: dataDir });

const onSqlite = (dataDir: string) => TestServer.start({ DATA_DIR: dataDir, DATABASE_URL: "" });
const digest = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

/** The same person at another server. */
const at = (server: TestServer, person: Person): Person => ({
  ...person,
  api: new ApiClient(server.url, person.token),
});
const doorAt = (server: TestServer, door: Door) =>
  Object.assign(new ApiClient(server.url, door.key, "/server"), { keyId: door.keyId, key: door.key });

/** Stops a server on SQLite, moves its data, and starts one on PostgreSQL. */
async function moved(server: TestServer, dataDir: string): Promise<TestServer> {
  await server.stop();
  const url = await (await sharedPostgres()).freshDatabase();
  const before = digest(join(dataDir, "parley.db"));
  expect(await parley(["move", "--to", url], dataDir)).toMatchObject({ code: 0, err: "" });
  expect(digest(join(dataDir, "parley.db"))).toBe(before);
  return TestServer.start({ DATABASE_URL: url, DATA_DIR: dataDir });
}

describe.skipIf(!hasPostgres)("a move to PostgreSQL", () => {
  test("MOVE-1: an old cursor gets exactly what is missing, on every transport, and what follows has greater numbers", async () => {
    const dataDir = join(dir, "cursors");
    const before = await onSqlite(dataDir);
    const [ann, ben] = [await before.person("ann"), await before.person("ben")];
    const room = await before.room(ann, [ben]);
    const { cursor } = await ben.api.ok<{ cursor: string }>("GET", "/events");
    await say(ann, room, "read");
    const read = await Promise.all(TRANSPORTS.map((transport) => transport.open(before.url, ben, { cursor })));
    for (const reader of read)
      await reader.until((frames) => frames.some((one) => textOf(one) === "read"), "the first");
    for (const reader of read) reader.close();
    for (const n of range(1, 30)) await say(ann, room, `missed ${n}`);
    const newest = await ann.api
      .ok<{ id: number }>("GET", `/rooms/${room}/messages?limit=1`)
      .then(() => historyOf(ann, room));
    await ann.api.ok("DELETE", `/messages/${newest[5]?.message.id}`);
    const { seq } = await ann.api.ok<{ seq: number }>("GET", `/rooms/${room}`);

    const after = await moved(before, dataDir);
    const [ann2, ben2] = [at(after, ann), at(after, ben)];
    for (const [index, transport] of TRANSPORTS.entries()) {
      const reader = await transport.open(after.url, ben2, { cursor: read[index]!.cursor() });
      await reader.until(() => events(reader, streamOf(room)).at(-1)?.seq === seq + index, "everything");
      await say(ann2, room, `new ${transport.name}`);
      await reader.until(() => events(reader, streamOf(room)).at(-1)?.seq === seq + index + 1, "what is new");
      const all = [...events(read[index]!, streamOf(room)), ...events(reader, streamOf(room))];
      expect([transport.name, all.map((one) => one.seq)]).toEqual([transport.name, range(2, seq + index + 1)]);
      expect(resyncs(reader)).toEqual([]);
      reader.close();
    }
    const ids = (await historyOf(ann2, room)).map(({ message }) => message.id as number);
    expect(ids).toHaveLength(31 + TRANSPORTS.length);
    expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    expect(ids.slice(0, 31)).toEqual(newest.map(({ message }) => message.id));
    await after.stop();
  }, 60_000);

  test("MOVE-1: logins, QR codes, server keys, webhooks, the feed and counters go on", async () => {
    const dataDir = join(dir, "everything");
    const before = await onSqlite(dataDir);
    const receiver = new Receiver();
    const admin = await administrator(before, "root");
    const [ann, ben] = [await before.person("ann"), await before.person("ben")];
    const door = await openDoor(before, "shop");
    const cai = await personAtDoor(before, door, "customer-7");
    await admin.api.ok("POST", "/admin/webhooks", { url: receiver.url, events: ["MESSAGE"] });
    const room = await before.room(ann, [ben, cai]);
    await say(ann, room, "told");
    await receiver.until("the first is told", ({ taken }) => taken.length === 1);
    // From now on the product's backend is away.
    receiver.answer = () => new Response("later", { status: 503 });
    for (const text of ["one", "two", "three"]) await say(ann, room, text);
    await door.ok("POST", "/notifications", {
      to: { users: ["customer-7"] },
      kind: "order",
      title: "Sent",
      text: "x",
      key: "o1",
    });
    const { cursor: feedFrom } = await door.ok<{ cursor: string }>("GET", "/feed");
    await say(ben, room, "in the feed");
    await ann.api.ok("POST", "/friend-requests", { userId: ben.uid, text: "hello" });
    await ben.api.ok("PUT", `/rooms/${room}/read`, { seq: 3 });
    const code = await ann.api.ok<{ code: string; secret: string }>("POST", "/qr-logins");
    await ann.api.ok("POST", `/qr-logins/${code.code}/scan`);

    const seen = async (person: Person) =>
      Promise.all(
        [
          "/me",
          "/rooms",
          `/rooms/${room}/members`,
          `/rooms/${room}/messages`,
          "/unread",
          "/friend-requests",
          "/notifications",
          "/logins",
        ].map(async (path) =>
          JSON.stringify(await person.api.ok("GET", path)).replace(/"(lastSeenAt|lastOptTime)":\d+/g, ""),
        ),
      );
    const were = await Promise.all([ann, ben, cai].map(seen));
    const after = await moved(before, dataDir);
    const [ann2, ben2, cai2] = [ann, ben, cai].map((person) => at(after, person)) as [Person, Person, Person];
    expect(await Promise.all([ann2, ben2, cai2].map(seen))).toEqual(were);

    await ann2.api.ok("POST", `/qr-logins/${code.code}/confirm`);
    const got = await fetch(`${after.url}/api/v1/qr-logins/${code.code}`, { headers: { "X-QR-Secret": code.secret } });
    const { state, token } = (await got.json()) as { state: string; token: string };
    expect(state).toBe("confirmed");
    expect(await new ApiClient(after.url, token).ok("GET", "/me")).toMatchObject({ uid: ann.uid });

    receiver.answer = () => new Response("thanks");
    await say(ann2, room, "after");
    await receiver.until("the rest is told", ({ taken }) => taken.length >= 6, 30_000);
    expect(receiver.texts()).toEqual(["told", "one", "two", "three", "in the feed", "after"]);
    const shop = doorAt(after, door);
    const feed = await shop.ok<{ events: { data: { message?: { body: { content: string } } } }[] }>(
      "GET",
      `/feed?cursor=${encodeURIComponent(feedFrom)}`,
    );
    expect(feed.events.flatMap(({ data }) => data.message?.body.content ?? [])).toEqual(["in the feed", "after"]);
    const added = await after.person("dan");
    expect(added.uid).toBe(cai.uid + 1);
    expect(await after.room(added, [])).toBe(room + 1);
    await after.stop();
    await receiver.stop();
  }, 60_000);

  test("MOVE-1: the file stays as it was, so that one can go back, with a new epoch", async () => {
    const dataDir = join(dir, "back");
    const before = await onSqlite(dataDir);
    const ann = await before.person("ann");
    const room = await before.room(ann, []);
    await say(ann, room, "before");
    const after = await moved(before, dataDir);
    const ann2 = at(after, ann);
    await say(ann2, room, "on PostgreSQL");
    const { cursor } = await ann2.api.ok<{ cursor: string }>("GET", "/events");
    await after.stop();

    expect((await parley(["epoch", "--renew"], dataDir)).err).toContain(
      `remove ${join(dataDir, "parley.moved")} to go on`,
    );
    rmSync(join(dataDir, "parley.moved"));
    expect((await parley(["epoch", "--renew"], dataDir)).code).toBe(0);
    const back = await onSqlite(dataDir);
    const live = await LiveClient.open(back.url, { token: ann.token, path: "/ws?resume=1" });
    live.send({ type: Command.RESUME, data: { cursor } });
    expect((await live.frame(Push.RESYNC)).data).toMatchObject({ stream: "*", why: "epoch" });
    live.close();
    expect((await historyOf(at(back, ann), room)).map(({ message }) => message.body.content)).toEqual(["before"]);
    await back.stop();
  }, 60_000);
});
