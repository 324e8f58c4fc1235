import { afterEach, expect, test } from "bun:test";
import { rawRequest } from "../../test/raw-http.ts";
import { StillTime } from "../../test/still-time.ts";
import { delay, withDeadline } from "../lib/interval.ts";
import { LargeReplies } from "./large-replies.ts";

/** More than the kernel takes for one connection. */
const LARGE = "x".repeat(24_000_000);
const STALL_MS = 100;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A real server whose replies are all `text`; `held`: what waits as each of them begins. */
function serving(large: LargeReplies, text = LARGE) {
  const held: number[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 60,
    fetch: async (request, own) => {
      const reply = await large.paced(new Response(text), { who: "ann", cut: () => own.timeout(request, 1) });
      held.push(large.bytes);
      return reply;
    },
  });
  ends.push(() => server.stop(true));
  return Object.assign(server, { held });
}

/** A reader who reads nothing but the head. */
async function stalled(url: string) {
  const ended = Promise.withResolvers<void>();
  const bytes = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  const { socket, answered } = rawRequest({ url, bytes, onBytes: () => {}, onEnd: () => ended.resolve() });
  await answered;
  socket.pause();
  return { socket, ended: withDeadline(ended.promise, 20_000, "it was not cut") };
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; !what(); tries++) {
    if (tries > 1000) throw new Error("it does not come");
    await delay(10);
  }
}

const asker = (who: string | number) => ({ who, cut: () => {} });

test("HTTP-34: a large reply arrives whole, and counts no more then", async () => {
  const large = new LargeReplies();
  const reply = await fetch(serving(large).url);
  expect((await reply.text()) === LARGE).toBe(true);
  expect(large.bytes).toBe(0);
});

test("HTTP-34: a reader who takes nothing is cut, and what waited for them is free", async () => {
  const large = new LargeReplies({ stallMs: 200 });
  const server = serving(large);
  const { socket, ended } = await stalled(server.url.origin);
  expect(server.held).toEqual([LARGE.length]);
  await until(() => large.bytes === 0);
  await until(() => server.pendingRequests === 0);
  socket.resume();
  await ended;
}, 30_000);

test("HTTP-34: a reader who is slow, and takes something again and again, gets everything", async () => {
  // Each piece that is read counts as so much time; a machine that stands still takes none of it.
  using time = new StillTime();
  const large = new LargeReplies({ stallMs: STALL_MS });
  let taken = 0;
  let passedMs = 0;
  const url = serving(large).url.origin;
  const ended = Promise.withResolvers<void>();
  const { socket } = rawRequest({
    url,
    bytes: "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    onBytes: (bytes) => {
      taken += bytes.length;
      const ms = (bytes.length / LARGE.length) * 3 * STALL_MS;
      passedMs += ms;
      time.advance(ms);
      socket.pause();
      setTimeout(() => socket.resume(), 5);
    },
    onEnd: () => ended.resolve(),
  });
  await withDeadline(ended.promise, 30_000, "it does not end");
  expect(taken).toBeGreaterThan(LARGE.length);
  expect(passedMs).toBeGreaterThan(2 * STALL_MS);
  expect(large.bytes).toBe(0);
}, 40_000);

test("HTTP-34: a reader who goes away leaves nothing behind", async () => {
  const large = new LargeReplies();
  const { socket } = await stalled(serving(large).url.origin);
  expect(large.bytes).toBe(LARGE.length);
  socket.destroy();
  await until(() => large.bytes === 0);
}, 20_000);

test("HTTP-34: one of them may have as much waiting as is still free, and nobody more than there is", async () => {
  const large = new LargeReplies({ most: 1_000_000 });
  const wait = (who: string) => large.paced(new Response("x".repeat(250_000)), asker(who));
  const held: Response[] = [];
  held.push(await wait("ann"), await wait("ann"));
  expect(() => large.check("ann")).toThrow(expect.objectContaining({ code: "overloaded", retryAfterMs: 5000 }));
  large.check("ben");
  held.push(await wait("ben"));
  expect(() => large.check("ben")).toThrow();
  large.check("cas");
  held.push(await wait("cas"));
  expect(() => large.check("dan")).toThrow();
  for (const reply of held) await reply.body?.cancel();
  large.check("ann");
});

test("HTTP-34: ten who let all that they may wait leave a place for somebody who has nothing waiting", async () => {
  const large = new LargeReplies({ most: 4_000_000 });
  const held: Response[] = [];
  const isFull = (who: string) => {
    try {
      large.check(who);
      return false;
    } catch {
      return true;
    }
  };
  for (const who of "abcdefghij") {
    while (!isFull(who)) held.push(await large.paced(new Response("x".repeat(250_000)), asker(who)));
  }
  expect([large.bytes, isFull("zoe")]).toEqual([3_500_000, false]);
  for (const reply of held) await reply.body?.cancel();
});

test("HTTP-34: a small reply counts nowhere, and is handed over as it is", async () => {
  const large = new LargeReplies();
  const reply = await large.paced(
    new Response("x".repeat(65_536), { status: 201, headers: { "X-One": "1" } }),
    asker("ann"),
  );
  expect([large.bytes, reply.status, reply.headers.get("X-One")]).toEqual([0, 201, "1"]);
  expect(await reply.text()).toHaveLength(65_536);
});
