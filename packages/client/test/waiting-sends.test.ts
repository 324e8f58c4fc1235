import { describe, expect, test } from "bun:test";
import { withDeadline } from "../../server/src/lib/interval.ts";
import type { Person } from "../../server/test/harness.ts";
import { range } from "../../server/test/transports/stage.ts";
import { createClient, ParleyError } from "../src/index.ts";
import { StoredSends } from "../src/sending/stored-sends.ts";
import { answering } from "./rig/changed-fetch.ts";
import { FakeServer, passOn } from "./rig/fake-server.ts";
import { MapStorage } from "./rig/map-storage.ts";
import { ServerRig } from "./rig/rig.ts";
import { QUICK } from "./rig/watched-client.ts";

const NOBODY = { uid: undefined, token: undefined };

/** Only the server's refusal ends a waiting send, and no other user ever sends it. */
describe("sends that wait", () => {
  const rig = new ServerRig();
  const open = (more: object = {}) => rig.open({ token: rig.stage.ann.token, ...more });

  /** Texts in a room, oldest first, with who said them. */
  async function said(person: Person, room: number): Promise<string[]> {
    const page = await person.api.ok<{
      items: { fromUser: { uid: number }; message: { body: { content: string } } }[];
    }>("GET", `/rooms/${room}/messages?limit=100`);
    return page.items
      .filter(({ message }) => message.body.content !== undefined)
      .map(({ fromUser, message }) => `${fromUser.uid === person.uid ? "own" : "other"} ${message.body.content}`);
  }

  test("SDK-40: a function that gives no token, whatever it throws, sends nothing and loses nothing", async () => {
    const room = await rig.stage.room();
    const area = new MapStorage();
    let away = 3;
    const token = async () => {
      if (away-- > 0) throw new TypeError("fetch failed");
      return rig.stage.ann.token;
    };
    const watched = open({ token, storage: { area, owner: "ann" } });
    const message = await watched.client.send(room, "said once");
    expect(message?.message.no).toBe(1);
    expect(await said(rig.stage.ann, room)).toEqual(["own said once"]);
    expect(area.length).toBe(0);
  });

  const oddAnswers = ["", "{}", "[]", "null", '"hello"', "<html>sign in to this Wi-Fi</html>", '{"message":{}}'];
  test("SDK-40: an answer without the stored message does not count: the send is tried again", async () => {
    const room = await rig.stage.room();
    const area = new MapStorage();
    const odd = [...oddAnswers];
    // A captive portal, which for a while answers every post with its own page.
    const portal = rig.use(
      new FakeServer({
        answer: (request) => {
          const body = odd[0];
          if (!request.url.endsWith("/messages") || body === undefined) return passOn(request, rig.stage.server.url);
          odd.shift();
          return new Response(body, { status: odd.length % 2 ? 200 : 201 });
        },
      }),
    );
    const { url } = portal;
    const watched = open({ url, transports: ["short-poll"], storage: { area, owner: "ann" } });
    const message = await watched.client.send(room, "said once");
    expect(message?.message.no).toBe(1);
    expect(odd).toEqual([]);
    expect(await said(rig.stage.ann, room)).toEqual(["own said once"]);
    expect(area.length).toBe(0);
  });

  /** Somebody whose login can end, and a function that gives a new login of the same person. */
  async function personWithLogins(): Promise<{ person: Person; room: number; again: () => Promise<string> }> {
    const person = await rig.stage.person();
    const again = async () => {
      const body = { name: person.name, password: "a long password" };
      return (await rig.stage.server.api.ok<{ token: string }>("POST", "/logins", body)).token;
    };
    return { person, room: await rig.stage.server.room(person, []), again };
  }

  test("SDK-45: a login that ended refuses nothing: what waits goes out with the next one of the same user", async () => {
    const { person, room, again } = await personWithLogins();
    const area = new MapStorage();
    const watched = open({ token: person.token, storage: { area, owner: String(person.uid) } });
    const refused: string[] = [];
    watched.client.on("refused", ({ error }) => void refused.push(error.code));
    await watched.live();
    rig.door.down = true;
    rig.door.cut();
    const texts = range(1, 3).map((at) => `text ${at}`);
    const sends = texts.map((text) => watched.client.send(room, text));
    await watched.was("waiting");
    await person.api.ok("DELETE", "/logins/current");
    rig.door.down = false;
    await watched.until(() => watched.client.state.kind === "stopped", "the end of the login");
    expect(watched.client.state).toMatchObject({ why: "revoked" });
    expect([watched.client.waiting, area.length, refused]).toEqual([3, 3, []]);
    const token = await again();
    watched.client.start({ token });
    expect((await Promise.all(sends)).map(({ message }) => message.no)).toEqual([1, 2, 3]);
    expect([watched.client.waiting, area.length, refused]).toEqual([0, 0, []]);
  });

  test.each(["websocket", "short-poll"] as const)(
    "SDK-45: with the login of somebody else nothing of it is sent, by %s",
    async (transport) => {
      const { person, room } = await personWithLogins();
      await person.api.ok("POST", `/rooms/${room}/members`, { memberIds: [rig.stage.ben.uid] });
      const area = new MapStorage();
      const watched = open({ token: person.token, transports: [transport], storage: { area, owner: "her name" } });
      await watched.live();
      // Nothing is under way when the other user comes.
      watched.client.stop();
      const first = watched.client.send(room, "hers").catch((error: ParleyError) => error.code);
      watched.client.start({ token: rig.stage.ben.token });
      expect(await first).toBe("other_user");
      const { message } = await watched.client.send(room, "ben's");
      expect(message.no).toBe(1);
      expect(await said(rig.stage.ben, room)).toEqual(["own ben's"]);
      expect([watched.client.waiting, area.length]).toEqual([0, 1]);
      watched.client.stop();
      // She is back, and sends what she wrote.
      const later = open({ token: person.token, storage: { area, owner: "her name" } });
      await later.until(() => area.length === 0, "hers");
      expect(await said(person, room)).toEqual(["other ben's", "own hers"]);
    },
  );

  test.each(["websocket", "short-poll"] as const)(
    "SDK-45: what was written under a login that has ended since is known by what its connection said, by %s",
    async (transport) => {
      const { person, room } = await personWithLogins();
      await person.api.ok("POST", `/rooms/${room}/members`, { memberIds: [rig.stage.ben.uid] });
      const told = Promise.withResolvers<void>();
      // A WebSocket says whose login it is; a client that polls asks.
      const fetch = answering(async (url, _, real) => {
        const response = await real();
        if (!url.endsWith("/me")) return response;
        const body = await response.text();
        told.resolve();
        return new Response(body, response);
      });
      const watched = open({ token: person.token, transports: [transport], fetch });
      await watched.live();
      if (transport === "short-poll") await withDeadline(told.promise, 10_000, "/me");
      // By the time that a later request is answered, the client has read it.
      await watched.client.request("GET /rooms");
      watched.client.stop();
      const hers = watched.client.send(room, "hers").catch((error: ParleyError) => error.code);
      await person.api.ok("DELETE", "/logins");
      watched.client.start({ token: rig.stage.ben.token });
      expect(await hers).toBe("other_user");
    },
  );

  test("SDK-45: a storage knows whose a message is, also where the owner's name is another user's too", async () => {
    const { person, room } = await personWithLogins();
    await person.api.ok("POST", `/rooms/${room}/members`, { memberIds: [rig.stage.ben.uid] });
    const area = new MapStorage();
    const storage = { area, owner: "shared" };
    const first = open({ token: person.token, storage });
    await first.live();
    await first.until(() => first.pushes.some(({ name }) => name === "login_success"), "whose login it is");
    first.client.stop();
    first.client.send(room, "hers").catch(() => {});
    const refused: string[] = [];
    const other = rig.watch({ url: rig.door.url, token: rig.stage.ben.token, storage });
    other.client.on("refused", ({ error }) => void refused.push(error.code));
    await other.until(() => refused.length > 0, "a refusal");
    expect([refused, area.length]).toEqual([["other_user"], 1]);
  });

  test("SDK-45: what was written before the first start is whose token it was", async () => {
    const { person, room } = await personWithLogins();
    await person.api.ok("POST", `/rooms/${room}/members`, { memberIds: [rig.stage.ben.uid] });
    const client = createClient({ url: rig.door.url, token: person.token }, { timing: QUICK });
    const hers = client.send(room, "hers").catch((error) => [error instanceof ParleyError, error.code]);
    client.start({ token: rig.stage.ben.token });
    const bens = client.send(room, "ben's");
    expect(await hers).toEqual([true, "other_user"]);
    expect((await bens).fromUser.uid).toBe(rig.stage.ben.uid);
    expect(client.waiting).toBe(0);
    client.stop();
    expect(await said(person, room)).toEqual(["other ben's"]);
  });

  test("SDK-43: owners are told apart, also where one's name begins like the other's", () => {
    const area = new MapStorage();
    const names = ["ann", "ann.smith", "ann.", ""];
    for (const [at, owner] of names.entries()) {
      const request = { clientId: `smith.${at}`, type: 1 as const, body: { content: owner } };
      new StoredSends(area, owner).add({ roomId: 1, request, author: NOBODY });
    }
    for (const owner of names) {
      const texts = new StoredSends(area, owner).all().map(({ request }) => request.body);
      expect(texts).toEqual([{ content: owner }]);
    }
  });

  test("SDK-43: the order stays when the clock was set back before a reload, and earlier entries count", () => {
    const area = new MapStorage();
    const sending = (clientId: string) => ({
      roomId: 1,
      request: { clientId, type: 1 as const, body: { content: clientId } },
      author: NOBODY,
    });
    const inAnHour = Date.now() + 3_600_000;
    area.setItem("parley.send.ann.first", JSON.stringify({ at: inAnHour, ...sending("first") }));
    area.setItem("parley.send.ann.odd", JSON.stringify({ at: "x" }));
    area.setItem("parley.send.ann.broken", "{");
    const kept = new StoredSends(area, "ann");
    kept.add(sending("second"));
    const later = new StoredSends(area, "ann");
    later.add(sending("third"));
    expect(later.all().map(({ request }) => request.clientId)).toEqual(["first", "second", "third"]);
  });

  test("SDK-43: entries are sent in the order in which they were made, however the area keeps them", () => {
    const area = new MapStorage();
    const entry = (clientId: string, at: number) => {
      const request = { clientId, type: 1, body: { content: clientId } };
      area.setItem(`parley.send.ann.${clientId}`, JSON.stringify({ at, roomId: 1, request }));
    };
    for (const [clientId, at] of [
      ["third", 30],
      ["first", 10],
      ["second", 20],
    ] as const) {
      entry(clientId, at);
    }
    expect(new StoredSends(area, "ann").all().map(({ request }) => request.clientId)).toEqual([
      "first",
      "second",
      "third",
    ]);
  });

  test("SDK-43: a storage that takes nothing away, or nothing in, holds no message up", async () => {
    const room = await rig.stage.room();
    class Stubborn extends MapStorage {
      override setItem(): void {
        throw new Error("full");
      }
      override removeItem(): void {
        throw new Error("read only");
      }
    }
    const watched = open({ storage: { area: new Stubborn(), owner: "ann" } });
    for (const text of ["one", "two"]) await watched.client.send(room, text);
    expect([await said(rig.stage.ann, room), watched.client.waiting]).toEqual([["own one", "own two"], 0]);
  });

  test("SDK-24: a Retry-After longer than a timer can be is a long wait and not a storm", async () => {
    const server = rig.use(
      new FakeServer({ answer: () => new Response("{}", { status: 429, headers: { "Retry-After": "2592000" } }) }),
    );
    const { url } = server;
    const asked = () => server.asked.length;
    const sends = () => server.asked.filter(({ path }) => path.endsWith("/messages")).length;
    const cursor = "0123456789abcdef;*@1";
    const watched = rig.watch({ url, token: "t", transports: ["short-poll"], cursor });
    void watched.client.send(1, "text").catch(() => {});
    const { until } = await watched.was("waiting");
    expect(until).toBeGreaterThan(Date.now() + 2_500_000_000);
    while (sends() === 0) await Bun.sleep(1);
    const before = asked();
    // Proves an absence: with the overflow, there would be hundreds of requests in this time.
    await Bun.sleep(200);
    expect([before, asked()]).toEqual([before, before]);
    expect([asked() <= 3, sends()]).toEqual([true, 1]);
    // Starting anew does not cut the wait short either.
    watched.client.stop();
    watched.client.start();
    await watched.until(() => asked() > before, "another poll");
    await Bun.sleep(100);
    expect(sends()).toBe(1);
  });
});
