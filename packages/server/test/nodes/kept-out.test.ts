import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { HALL_ROOM_ID, Push } from "@parley/protocol";
import { disableAccount } from "../../src/identity/admin-actions.ts";
import { Passwords } from "../../src/identity/passwords.ts";
import { revokeKey } from "../../src/keys/key-actions.ts";
import { delay, withDeadline } from "../../src/lib/interval.ts";
import { setPower } from "../administrator.ts";
import { ApiClient } from "../api-client.ts";
import { pollsHang } from "../hanging-polls.ts";
import { PASSWORD, type Person, say } from "../harness.ts";
import type { LiveClient } from "../live-client.ts";
import { TestNodes } from "../nodes-rig.ts";
import { openDoor, personAtDoor } from "../server-door.ts";
import { SseReader } from "../sse-reader.ts";
import { onPostgres } from "../test-database.ts";

/** A deadline, for slow machines. */
setDefaultTimeout(30_000);

/*
 * What keeps somebody out is asked for at one node; the person is on the other one. All of it goes by the internal stream of the log, which
 * each node follows, so it holds on every node, for connections, for what is remembered and for requests that wait.
 */
/** It holds at once. Whatever waits for something else, such as the next look at the log or the end of a poll, waits for 5 s or more. */
const SOON_MS = 4000;
const LIMIT_MS = 30_000;
let nodes: TestNodes;
let root: Person;
let people = 0;
beforeAll(async () => {
  nodes = await TestNodes.start(2, { HALL: "public" });
  root = await nodes.person("root");
  await setPower(nodes.at(0), "root", 1);
}, LIMIT_MS);
afterAll(() => nodes[Symbol.asyncDispose](), LIMIT_MS);

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

const newPerson = () => nodes.person(`person ${people++}`);
const soon = <T>(promise: Promise<T>) => withDeadline(promise, SOON_MS, "it does not hold on the other node");

/** Somebody who is on the second node in every way: connection, event stream, waiting poll, and known by their token. */
class There {
  readonly person: Person;
  live!: LiveClient;
  stream!: SseReader;
  poll!: Promise<{ status: number; body: unknown }>;

  private constructor(person: Person) {
    this.person = nodes.on(1, person);
  }

  static async open(person: Person): Promise<There> {
    const there = new There(person);
    there.live = await nodes.at(1).live(person);
    there.stream = await SseReader.open(nodes.at(1).url, person.token);
    await there.stream.frame(Push.RED_DOT);
    const { cursor } = await there.person.api.ok<{ cursor: string }>("GET", "/events");
    there.poll = there.person.api.call("GET", `/events?wait=30&cursor=${cursor}`);
    await pollsHang(nodes.at(1).url, 1);
    opened.push(there.live, there.stream);
    return there;
  }

  status(): Promise<number> {
    return this.person.api.call("GET", "/me").then(({ status }) => status);
  }
}

describe("at the reply to a request at one node, or within a second, on the other", () => {
  test("NODE-5: a login that was ended reads nothing more", async () => {
    const ann = await newPerson();
    const there = await There.open(ann);
    const { token } = await nodes
      .at(0)
      .api.ok<{ token: string }>("POST", "/logins", { name: ann.name, password: PASSWORD });
    await new ApiClient(nodes.at(0).url, token).ok("DELETE", "/logins");
    expect((await soon(there.live.ended())).code).toBe(4001);
    await soon(there.stream.ended());
    expect(await soon(there.poll)).toMatchObject({ status: 401 });
    expect(await there.status()).toBe(401);
  });

  test("NODE-5: a changed password ends the other logins", async () => {
    const ann = await newPerson();
    const there = await There.open(ann);
    const other = await nodes
      .at(0)
      .api.ok<{ token: string }>("POST", "/logins", { name: ann.name, password: PASSWORD });
    const change = { password: PASSWORD, newPassword: "another long one", endOtherLogins: true };
    await new ApiClient(nodes.at(0).url, other.token).ok("PUT", "/me/password", change);
    expect((await soon(there.live.ended())).code).toBe(4001);
    expect(await there.status()).toBe(401);
    expect(await soon(there.poll)).toMatchObject({ status: 401 });
  });

  test.skipIf(onPostgres)("NODE-5: a login that could not be ended in the database is refused", async () => {
    const ann = await newPerson();
    const there = await There.open(ann);
    const { id } = (await there.person.api.ok<{ items: { id: number }[] }>("GET", "/logins")).items[0] ?? { id: 0 };
    nodes.failWrites = true;
    try {
      expect(await ann.api.call("DELETE", `/logins/${id}`)).toMatchObject({
        status: 503,
        body: { code: "overloaded" },
      });
      expect((await soon(there.live.ended())).code).toBe(4001);
      expect(await there.status()).toBe(401);
      expect(await soon(there.poll)).toMatchObject({ status: 401 });
    } finally {
      nodes.failWrites = false;
    }
  });

  test("NODE-5: a token that a repeated refresh replaced is not valid", async () => {
    const ann = await newPerson();
    const refresh = (index: number) => nodes.on(index, ann).api.ok<{ token: string }>("POST", "/logins/refresh");
    const lost = await refresh(0);
    const lostThere = new ApiClient(nodes.at(1).url, lost.token);
    expect((await lostThere.call("GET", "/me")).status).toBe(200);
    await refresh(0);
    const isOut = async () => {
      while ((await lostThere.call("GET", "/me")).status !== 401) await delay(10);
    };
    await soon(isOut());
  });

  test("NODE-5: a banned person is out, their messages are hidden, and they come back with the ban's end", async () => {
    const ann = await newPerson();
    await say(ann, HALL_ROOM_ID, "to be hidden");
    const there = await There.open(ann);
    const anonymous = await nodes.at(1).connect();
    opened.push(anonymous);
    await anonymous.frame(Push.READY);
    await root.api.ok("PUT", `/admin/bans/users/${ann.uid}`, {});
    expect((await soon(there.live.ended())).code).toBe(4003);
    await soon(there.stream.ended());
    expect(await soon(there.poll)).toMatchObject({ status: 403, body: { code: "banned" } });
    expect(await there.status()).toBe(403);
    expect((await soon(anonymous.frame(Push.BLACK))).data).toEqual({ uid: ann.uid });
    expect(JSON.stringify(await nodes.at(1).api.ok("GET", `/rooms/${HALL_ROOM_ID}/messages`))).not.toContain(
      "to be hidden",
    );
    await nodes.on(1, root).api.ok("DELETE", `/admin/bans/users/${ann.uid}`);
    expect((await ann.api.call("GET", "/me")).status).toBe(200);
  });

  test("NODE-5: a banned address is out", async () => {
    const ann = await newPerson();
    const headers = { "X-Forwarded-For": "203.0.113.7" };
    const live = await nodes.at(1).live(ann, { headers });
    await root.api.ok("PUT", "/admin/bans/ips/203.0.113.7", {});
    expect((await soon(live.ended())).code).toBe(4003);
    expect((await nodes.on(1, ann).api.call("GET", "/me", undefined, headers)).status).toBe(403);
    await root.api.ok("DELETE", "/admin/bans/ips/203.0.113.7");
    await nodes.settled();
    expect((await nodes.on(1, ann).api.call("GET", "/me", undefined, headers)).status).toBe(200);
  });

  test("NODE-5: a disabled account is out", async () => {
    const ann = await newPerson();
    const there = await There.open(ann);
    await disableAccount({ ...nodes.at(0).storage, passwords: new Passwords() }, ann.name);
    expect((await soon(there.live.ended())).code).toBe(4003);
    expect(await soon(there.poll)).toMatchObject({ status: 403, body: { code: "account_disabled" } });
    expect(await there.status()).toBe(403);
  });

  test("NODE-5: a deleted account is out", async () => {
    const ann = await newPerson();
    const there = await There.open(ann);
    await ann.api.ok("DELETE", "/me", { password: PASSWORD });
    expect((await soon(there.live.ended())).code).toBe(4001);
    expect(await there.status()).toBe(401);
  });

  test("NODE-5: a revoked server key, and logins that the product ended, are refused", async () => {
    const door = await openDoor(nodes.at(0), "backend");
    const other = new ApiClient(nodes.at(1).url, door.key, "/server");
    const cleo = await personAtDoor(nodes.at(0), door, "cleo");
    expect((await other.call("GET", "/users/cleo")).status).toBe(200);
    const there = await There.open(cleo);
    await door.ok("DELETE", "/users/cleo/logins");
    expect((await soon(there.live.ended())).code).toBe(4001);
    expect(await there.status()).toBe(401);
    await soon(there.poll);
    await revokeKey(nodes.at(0).storage, "backend");
    await nodes.settled();
    expect((await other.call("GET", "/users/cleo")).status).toBe(401);
  });

  test("NODE-5: somebody who lost the power of an administrator is refused", async () => {
    const ann = await newPerson();
    await setPower(nodes.at(0), ann.name, 1);
    await nodes.settled();
    const there = nodes.on(1, ann);
    expect((await there.api.call("GET", "/admin/stats")).status).toBe(200);
    await setPower(nodes.at(0), ann.name, 0);
    await nodes.settled();
    expect((await there.api.call("GET", "/admin/stats")).status).toBe(403);
  });
});

test("NODE-5: a recalled text is shown by no node, not from what it remembers either", async () => {
  const [ann, ben] = [await newPerson(), await newPerson()];
  const room = await nodes.at(0).room(ann, [ben]);
  const { cursor } = await nodes.on(1, ben).api.ok<{ cursor: string }>("GET", "/events");
  await say(ann, room, "SECRET");
  const there = nodes.on(1, ben);
  const read = async () => JSON.stringify(await there.api.ok("GET", `/events?cursor=${cursor}`));
  await nodes.settled();
  expect(await read()).toContain("SECRET");
  const page = await there.api.ok<{ items: { message: { id: number } }[] }>("GET", `/rooms/${room}/messages`);
  await ann.api.ok("DELETE", `/messages/${page.items.at(-1)?.message.id}`);
  await nodes.settled();
  expect(await read()).not.toContain("SECRET");
  expect(JSON.stringify(await there.api.ok("GET", `/rooms/${room}/messages`))).not.toContain("SECRET");
});
