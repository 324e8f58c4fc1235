import { expect, test } from "bun:test";
import type { ClientState } from "../src/connection/client-state.ts";
import { ParleyError } from "../src/index.ts";
import { FakeServer } from "./rig/fake-server.ts";
import { ServerRig } from "./rig/rig.ts";
import type { WatchedClient } from "./rig/watched-client.ts";

const rig = new ServerRig();

type Waiting = ClientState & { kind: "waiting" };

const refusal = (watched: WatchedClient) =>
  watched.until(
    () => watched.states.find((state): state is Waiting => state.kind === "waiting" && state.error !== undefined),
    "a cause",
  );

test.each(["websocket", "sse", "long-poll", "short-poll"] as const)(
  "SDK-29: an address where no Parley is: it waits, and says what was answered, by %s",
  async (transport) => {
    const page = () => new Response("<html>nothing here</html>", { status: 404 });
    const { url } = rig.use(new FakeServer({ answer: page }));
    const watched = rig.watch({ url, token: "t", transports: [transport] });
    const { why, error } = await refusal(watched);
    expect([why, error]).toEqual(["refused", { status: 404, code: "unknown", message: "The server answered 404" }]);
  },
);

test.each([
  ["no cursor", { asOf: "x", rooms: [] }],
  ["no rooms", { asOf: "0123456789abcdef;*@5" }],
  ["nothing", undefined],
])(
  "SDK-32: what an own `reload` returns has to be state (not %s): else it is read again, and nothing is handed over",
  async (_, odd) => {
    let reads = 0;
    const reload = async () => {
      reads += 1;
      if (reads < 3) return odd as never;
      const { asOf } = await rig.stage.ben.api.ok<{ asOf: string }>("GET", "/rooms");
      return { asOf, rooms: [] };
    };
    const watched = rig.open({ cursor: "0123456789abcdef;*@5", reload });
    await watched.live();
    expect([reads, watched.reloads.length]).toEqual([3, 1]);
  },
);

test("SDK-29: state that cannot be read says why, and the cause is gone when it works", async () => {
  const failures: Error[] = [
    new ParleyError(403, { code: "forbidden", title: "Not you" }),
    new Error("no database here"),
    new ParleyError(0),
  ];
  const reload = async () => {
    const failure = failures.shift();
    if (failure) throw failure;
    const { asOf } = await rig.stage.ben.api.ok<{ asOf: string }>("GET", "/rooms");
    return { asOf, rooms: [] };
  };
  const watched = rig.open({ cursor: "0123456789abcdef;*@5", reload });
  await watched.live();
  const waits = watched.states.filter((state): state is Waiting => state.kind === "waiting");
  expect(waits.map(({ why, error }) => [why, error?.status, error?.message])).toEqual([
    ["refused", 403, "Not you"],
    ["offline", 0, "no database here"],
    ["offline", undefined, undefined],
  ]);
});
