import { describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { type Person, say } from "../../server/test/harness.ts";
import type { ClientOptions } from "../src/options.ts";
import { FakeServer } from "./rig/fake-server.ts";
import { CURSOR, frame, LIVE, READY } from "./rig/frames.ts";
import { Rig, ServerRig } from "./rig/rig.ts";
import type { WatchedClient } from "./rig/watched-client.ts";

/** `start({ token })` in the middle of things: from then on, everything that is sent and received belongs to the new user. */
describe("another user's token while the client runs", () => {
  const rig = new ServerRig();
  let watched: WatchedClient;
  const open = (more: Partial<ClientOptions> = {}) => {
    watched = rig.open(more);
    return watched;
  };
  /** A room for each: nothing from the first one may come once the second user's token has been given. */
  async function rooms(): Promise<{ her: Person; hers: number; bens: number }> {
    const her = await rig.stage.person();
    return { her, hers: await rig.stage.room([her]), bens: await rig.stage.room() };
  }
  const signedIn = () =>
    watched.pushes.flatMap(({ type, data }) => (type === Push.LOGIN_SUCCESS ? [(data as { uid: number }).uid] : []));

  test.each(["websocket", "sse", "long-poll", "short-poll"] as const)(
    "SDK-47: the connection of the first user ends, and the second one's begins, by %s",
    async (transport) => {
      const { her, hers, bens } = await rooms();
      await open({ transports: [transport] }).live();
      const fresh = await rig.stage.room();
      await say(rig.stage.ann, bens, "before");
      await say(rig.stage.ann, fresh, "before");
      await watched.said(fresh, "before");
      watched.client.start({ token: her.token });
      expect([watched.client.state.kind, watched.client.token]).toEqual(["stopped", her.token]);
      await watched.live();
      await say(rig.stage.ann, bens, "for ben");
      await say(rig.stage.ann, hers, "for her");
      await watched.said(hers, "for her");
      expect([watched.texts(bens), watched.resyncs]).toEqual([["before"], []]);
      const { message, fromUser } = await watched.client.send(hers, "from her");
      expect([fromUser.uid, message.no]).toEqual([her.uid, 2]);
    },
  );

  test("SDK-47: so it is where the first token has not come yet", async () => {
    const { her, hers } = await rooms();
    const { promise, resolve } = Promise.withResolvers<string>();
    open({ token: () => promise });
    watched.client.start({ token: her.token });
    resolve(rig.stage.ben.token);
    await watched.live();
    await say(rig.stage.ann, hers, "for her");
    await watched.said(hers, "for her");
    expect([watched.client.token, signedIn()]).toEqual([her.token, [her.uid]]);
  });

  test("SDK-47: the same token again changes nothing; of another one the state tells", async () => {
    const { her } = await rooms();
    await open().live();
    const before = watched.states.length;
    watched.client.start({ token: rig.stage.ben.token });
    watched.client.start();
    expect(watched.states.slice(before)).toEqual([]);
    watched.client.start({ token: her.token });
    await watched.until(() => watched.states.length > before + 1, "a new beginning");
    expect(watched.states.slice(before, before + 2).map(({ kind }) => kind)).toEqual(["stopped", "connecting"]);
  });

  test("SDK-45: whose login it is says a connection of its own token, whatever a function gives meanwhile", async () => {
    const { her, hers } = await rooms();
    let token = her.token;
    open({ token: () => token, transports: ["websocket"] });
    // The connection is on its way with her token; before it has said whose token that is, a request asks for another one.
    await watched.was("connecting");
    token = rig.stage.ben.token;
    await watched.client.request("GET /rooms");
    await watched.live();
    await watched.until(() => signedIn().length > 0, "whose connection it is");
    expect(await watched.client.send(hers, "hers").catch((error) => error.code)).toBe("other_user");
  });
});

describe("what a connection has said", () => {
  const rig = new Rig();

  test("SDK-45: where a connection says whose login it is nobody asks", async () => {
    const signedIn = frame(Push.LOGIN_SUCCESS, { uid: 1, name: "", avatar: "", token: "", power: 0 });
    const server = rig.use(
      new FakeServer({
        answer: () => Response.json({ uid: 1 }),
        socket: (socket) => [READY, signedIn, LIVE].map((text) => socket.send(text)),
      }),
    );
    const watched = rig.watch({ url: server.url, token: "t", transports: ["websocket"], cursor: CURSOR });
    await watched.live();
    await watched.client.request("GET /rooms");
    expect(server.asked.map(({ path }) => path)).toEqual(["/ws", "/api/v1/rooms"]);
  });

  test("SDK-47, SDK-5: the first user's joinings hide nothing from the second one, of whom nobody has said who it is", async () => {
    const event = (seq: number, what: { type: number; data: object } = { type: Push.RECALL, data: {} }) =>
      JSON.stringify({ ...what, stream: "room:2", seq });
    const joined = event(8, { type: Push.MEMBER_CHANGE, data: { roomId: 2, uid: 1, changeType: 1 } });
    const signedIn = frame(Push.LOGIN_SUCCESS, { uid: 1, name: "", avatar: "", token: "", power: 0 });
    const shown = [
      [READY, LIVE, signedIn, event(5)],
      [READY, joined],
      [READY, event(6), event(7), joined],
    ];
    const { url } = rig.use(
      new FakeServer({
        answer: () => Response.json({ uid: 1 }),
        socket: (socket, nth) => shown[nth - 1]?.map((text) => socket.send(text)),
      }),
    );
    const watched = rig.watch({ url, token: "first", transports: ["websocket"] });
    await watched.until(() => watched.seqs("room:2").includes(5), "the first event");
    watched.client.start({ token: "second" });
    await watched.until(() => watched.seqs("room:2").includes(8), "the joining");
    expect(watched.seqs("room:2")).toEqual([5, 6, 7, 8]);
  });
});
