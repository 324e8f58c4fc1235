import { expect, test } from "bun:test";
import { Http } from "../../api/http.ts";
import { platform, type WebSocketClass } from "../../lib/surroundings.ts";
import { TIMING } from "../../lib/timing.ts";
import { transportsOf } from "./choice.ts";
import type { TransportName } from "./transport.ts";

function names(wanted: readonly TransportName[] | undefined, has: { WebSocket: WebSocketClass | undefined }) {
  const http = new Http("https://x", fetch, () => {});
  const surroundings = { ...platform({}), ...has };
  return transportsOf({
    wanted,
    http,
    timing: TIMING,
    url: "https://x",
    surroundings,
    locks: undefined,
    webSocketPath: undefined,
  }).map(({ name }) => name);
}
const all = { WebSocket: globalThis.WebSocket as never };

test("SDK-10: the best transport comes first; wanted ones come as they are wanted, each once", () => {
  expect(names(undefined, all)).toEqual(["websocket", "sse", "long-poll", "short-poll"]);
  expect(names(["short-poll", "sse", "short-poll"], all)).toEqual(["short-poll", "sse"]);
});

test("SDK-52: where the platform has no WebSocket there is none to try", () => {
  const none = { WebSocket: undefined };
  expect([names(undefined, none), names(["websocket"], none)]).toEqual([["sse", "long-poll", "short-poll"], []]);
});
