import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Server } from "bun";
import { EventsRig } from "../../test/events-rig.ts";
import { SseReader } from "../../test/sse-reader.ts";
import { delay } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";

/**
 * The runtime's clock for idle connections has steps of four seconds: who is silent is cut after 4 to 8. It is not ours and
 * cannot be moved, so this test takes nine seconds.
 */
const IDLE_SECONDS = 4;
const QUIET_SECONDS = 9;

let rig: EventsRig;
let server: Server<undefined>;
let stopPolls: () => void;
beforeEach(async () => {
  rig = await EventsRig.open();
  stopPolls = rig.polls.start();
  const routes = rig.routes();
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: IDLE_SECONDS,
    fetch: (request, self) => {
      const { pathname, href } = new URL(request.url);
      // Any route that hangs without saying so.
      if (pathname === "/hangs") return new Promise<Response>(() => {});
      const bare = new Request(href.replace("/api/v1", ""), request);
      return routes.fetch(bare, { ip: "203.0.113.9", server: requestOf(self, request) });
    },
  });
});
afterEach(async () => {
  await server.stop(true);
  stopPolls();
  await rig.close();
});

/** The routes see a copy of the request, and name it to the runtime, which knows the original only. */
function requestOf(self: Server<undefined>, request: Request): Server<unknown> {
  return { timeout: (_: Request, seconds: number) => self.timeout(request, seconds) } as unknown as Server<unknown>;
}

test(`TR-24: streams are quiet for ${QUIET_SECONDS} s where the runtime cuts after ${IDLE_SECONDS} to 8`, async () => {
  const beganMs = uptimeMs();
  const url = `http://127.0.0.1:${server.port}`;
  // That the runtime cuts at all is part of the proof.
  const cut = fetch(`${url}/hangs`).then(
    () => "answered",
    () => uptimeMs() - beganMs,
  );
  const stream = await SseReader.open(url, "token");
  await stream.until(() => stream.of(103)[0], "RED_DOT");
  const cutMs = await cut;
  expect(cutMs).toBeNumber();
  // For longer than the runtime bore the other one, however late its clock is.
  await delay(Math.max(QUIET_SECONDS * 1000, (cutMs as number) + 1000) - (uptimeMs() - beganMs));
  // No comment was sent meanwhile, and the stream goes on.
  const before = stream.frames.length;
  await rig.say(1);
  await stream.until(() => stream.stream("room:1")[0], "an event");
  expect(stream.frames.length).toBe(before + 1);
  stream.close();
}, 30_000);
