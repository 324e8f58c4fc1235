import { expect, test } from "bun:test";
import { Stage } from "../../server/test/transports/stage.ts";
import { ParleyError } from "../src/api/parley-error.ts";
import type { ClientState } from "../src/connection/client-state.ts";
import { QUICK, WatchedClient } from "./watched-client.ts";

type Waiting = ClientState & { kind: "waiting" };

const refusal = (watched: WatchedClient) =>
  watched.until(
    () => watched.states.find((state): state is Waiting => state.kind === "waiting" && state.error !== undefined),
    "a cause",
  );

test.each(["websocket", "sse", "long-poll", "short-poll"] as const)(
  "SDK-29: an address where no Parley is: it waits, and says what was answered, by %s",
  async (transport) => {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => new Response("<html>nothing here</html>", { status: 404 }),
    });
    const watched = new WatchedClient({ url: `http://127.0.0.1:${server.port}`, token: "t", transports: [transport] });
    const { why, error } = await refusal(watched);
    expect([why, error]).toEqual(["refused", { status: 404, code: "unknown", message: "The server answered 404" }]);
    watched.client.stop();
    await server.stop(true);
  },
);

test("SDK-29: state that cannot be read says why, and the cause is gone when it works", async () => {
  const stage = await Stage.open();
  const failures: Error[] = [
    new ParleyError(403, { code: "forbidden", title: "Not you" }),
    new Error("no database here"),
    new ParleyError(0),
  ];
  const reload = async () => {
    const failure = failures.shift();
    if (failure) throw failure;
    const { asOf } = await stage.ben.api.ok<{ asOf: string }>("GET", "/rooms");
    return { asOf, rooms: [] };
  };
  const options = { url: stage.server.url, token: stage.ben.token, cursor: "0123456789abcdef;*@5", reload };
  const watched = new WatchedClient(options, { timing: { ...QUICK } });
  await watched.live();
  const waits = watched.states.filter((state): state is Waiting => state.kind === "waiting");
  expect(waits.map(({ why, error }) => [why, error?.status, error?.message])).toEqual([
    ["refused", 403, "Not you"],
    ["offline", 0, "no database here"],
    ["offline", undefined, undefined],
  ]);
  watched.client.stop();
  await stage.close();
});
