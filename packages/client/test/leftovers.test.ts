import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { withDeadline } from "../../server/src/lib/interval.ts";
import type { ClientOptions, ClientState } from "../src/index.ts";
import { FakeServer } from "./rig/fake-server.ts";
import { FakeWorker } from "./rig/fake-worker.ts";
import { CURSOR, frame, LIVE, READY } from "./rig/frames.ts";
import { OneBrowser } from "./rig/one-browser.ts";
import { Returns } from "./rig/returns.ts";
import { Rig } from "./rig/rig.ts";
import { TimersLeft } from "./rig/timers-left.ts";
import type { WatchedClient } from "./rig/watched-client.ts";

const BEATING = READY.replace(/"heartbeatMs":\d+/, '"heartbeatMs":5');
const never = () => new Promise<never>(() => {});
const refuse = () => new Response("", { status: 503, headers: { "Retry-After": "600" } });
const events = (more: object = {}) => Response.json({ events: [], cursor: CURSOR, more: false, ...more });

/** A situation that a client can be in, and how it gets there. */
interface Scene {
  readonly name: string;
  readonly answer?: (request: Request) => Response | Promise<Response>;
  readonly socket?: (socket: { send(text: string): unknown }) => unknown;
  readonly options?: Partial<ClientOptions>;
  readonly is: (watched: WatchedClient) => boolean;
  /** What else has to be true. */
  readonly after?: (server: FakeServer) => Promise<unknown>;
}
const kindIs = (kind: ClientState["kind"]) => (watched: WatchedClient) => watched.client.state.kind === kind;
const SCENES: readonly Scene[] = [
  { name: "it waits for a token", options: { token: never }, is: () => true },
  { name: "a connection opens", answer: never, options: { transports: ["sse"] }, is: kindIs("connecting") },
  { name: "READY is awaited", socket: () => {}, is: () => true, after: (server) => server.socketOpened },
  { name: "it is live and beats", socket: (socket) => [BEATING, LIVE].map((f) => socket.send(f)), is: kindIs("live") },
  {
    name: "an event stream is live",
    answer: () =>
      new Response(new ReadableStream({ start: (body) => body.enqueue(`data: ${READY}\n\ndata: ${LIVE}\n\n`) }), {
        headers: { "Content-Type": "text/event-stream" },
      }),
    options: { transports: ["sse"] },
    is: kindIs("live"),
  },
  { name: "short polls pause", answer: () => events(), options: { transports: ["short-poll"] }, is: kindIs("live") },
  {
    name: "a long poll hangs",
    answer: async (request) => ((await request.text()).includes('"wait":0') ? events() : never()),
    options: { transports: ["long-poll"] },
    is: kindIs("live"),
  },
  { name: "the server wants it to wait", answer: refuse, is: kindIs("waiting") },
  {
    name: "RESYNCs are gathered",
    socket: (socket) => [READY, frame(Push.RESYNC, { stream: "*", why: "epoch" })].map((f) => socket.send(f)),
    is: ({ pushes }) => pushes.length > 0,
  },
  {
    name: "state is read",
    answer: () => events({ events: [JSON.parse(frame(Push.RESYNC, { stream: "*", why: "epoch" }))] }),
    options: { transports: ["short-poll"], reload: never },
    is: ({ resyncs }) => resyncs.length > 0,
  },
];

describe.each([
  ["in a tab", true],
  ["alone", false],
] as const)("a client that is stopped, %s", (_, tabs) => {
  const rig = new Rig();
  const browser = new OneBrowser();
  let uninstall: () => void;
  beforeAll(() => {
    uninstall = browser.install();
  });
  afterAll(() => uninstall());

  test.each(SCENES.map((scene) => [scene.name, scene] as const))(
    "SDK-28: while %s, leaves no connection, no request, no timer, no lock and nobody who listens",
    async (_, { answer = refuse, socket, options, is, after }) => {
      const server = rig.use(new FakeServer({ answer, ...(socket && { socket }) }));
      const timers = rig.use(new TimersLeft());
      const returns = new Returns();
      const transports = socket ? (["websocket"] as const) : (["long-poll"] as const);
      const watched = rig.watch({ url: server.url, token: "t", transports, tabs, ...options } as ClientOptions, {
        timing: { shortPollMs: 60_000, resyncGatherMs: 60_000 },
        surroundings: returns.surroundings,
      });
      await watched.until(() => is(watched), "the scene");
      if (after) await withDeadline(after(server), 5_000, "the scene");
      const shares = tabs && !options?.token ? 1 : 0;
      expect([returns.isHeard, browser.held, browser.channels]).toEqual([true, shares, shares]);
      watched.client.stop();
      await Promise.all([timers.none(), server.quiet()]);
      expect([returns.isHeard, browser.held, browser.channels]).toEqual([false, 0, 0]);
    },
  );

  test("SDK-28: while a send waits for its next try, leaves no timer", async () => {
    const { promise: tried, resolve } = Promise.withResolvers<void>();
    const answer = (request: Request) => {
      if (!request.url.endsWith("/messages")) return Response.json({ uid: 1 });
      resolve();
      return new Response("", { status: 500 });
    };
    const socket = (one: { send(text: string): unknown }) => [READY, LIVE].map((text) => one.send(text));
    const server = rig.use(new FakeServer({ answer, socket }));
    const timers = rig.use(new TimersLeft());
    const timing = { backoffFirstMs: 60_000, backoffMaxMs: 60_000 };
    const watched = rig.watch({ url: server.url, token: "t", transports: ["websocket"], tabs }, { timing });
    await watched.live();
    watched.client.send(1, "hello").catch(() => {});
    await withDeadline(tried, 4_500, "the first try");
    // The answer to the send is here by the time that this one is.
    await watched.client.request("GET /me");
    watched.client.stop();
    await timers.none();
    expect(watched.client.waiting).toBe(1);
  });

  test("SDK-28: in a handler of READY, sends no sign of life", async () => {
    const socket = (one: { send(text: string): unknown }) => one.send(BEATING);
    const server = rig.use(new FakeServer({ answer: refuse, socket }));
    const timers = rig.use(new TimersLeft());
    const watched = rig.watch({ url: server.url, token: "t", transports: ["websocket"], tabs });
    watched.client.on("ready", () => watched.client.stop());
    await watched.was("stopped");
    await timers.none();
    expect(watched.client.cursor).toBe(CURSOR);
  });

  test("SDK-28: a page's worker ends with the client, and the next start has another one", async () => {
    const uninstall = FakeWorker.install();
    try {
      const socket = (one: { send(text: string): unknown }) => [READY, LIVE].map((text) => one.send(text));
      const server = rig.use(new FakeServer({ answer: refuse, socket }));
      const surroundings = { isPage: true, onReturn: () => () => {} };
      const options = { url: server.url, token: "t", transports: ["websocket"] as const, tabs, worker: "/beat.js" };
      const watched = rig.watch(options, { surroundings });
      for (const nth of [1, 2]) {
        (await withDeadline(FakeWorker.nth(nth), 4_500, "a worker")).onmessage?.({});
        await watched.live();
        watched.client.stop();
        await Promise.resolve();
        expect(FakeWorker.made.map(({ isTerminated }) => isTerminated)).toEqual(Array(nth).fill(true));
        // After the last one the platform's own class is back.
        if (nth === 1) watched.client.start();
      }
    } finally {
      uninstall();
    }
  });

  test("SDK-62: where no worker is named, a module takes the file beside itself", async () => {
    const uninstall = FakeWorker.install();
    try {
      const server = rig.use(new FakeServer({ answer: refuse, socket: () => {} }));
      const surroundings = { isPage: true, onReturn: () => () => {} };
      rig.watch({ url: server.url, token: "t", transports: ["websocket"], tabs }, { surroundings });
      const { url } = await withDeadline(FakeWorker.nth(1), 4_500, "a worker");
      expect(url).toEndWith("/packages/client/src/heartbeat-worker.js");
    } finally {
      uninstall();
    }
  });

  test("SDK-62: a page that has no worker asks for patience at each connection", async () => {
    const server = rig.use(new FakeServer({ answer: refuse, socket: () => {} }));
    const surroundings = { isPage: true, onReturn: () => () => {} };
    rig.watch({ url: server.url, token: "t", transports: ["websocket"], tabs, worker: null }, { surroundings });
    await withDeadline(server.asking, 4_500, "a connection");
    expect(server.asked[0]).toMatchObject({ path: "/ws", search: "?idle=120" });
  });

  test("SDK-28: a token that comes after the stop opens no worker", async () => {
    const uninstall = FakeWorker.install();
    try {
      const { promise, resolve } = Promise.withResolvers<string>();
      const surroundings = { isPage: true, onReturn: () => () => {} };
      const options = { url: "http://127.0.0.1:9", token: () => promise, tabs, worker: "/beat.js" };
      const watched = rig.watch(options, { surroundings });
      watched.client.stop();
      resolve("t");
      await promise;
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      expect(FakeWorker.made).toEqual([]);
    } finally {
      uninstall();
    }
  });
});
