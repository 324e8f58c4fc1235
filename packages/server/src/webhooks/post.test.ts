import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { freePort } from "../../test/free-port.ts";
import { Receiver } from "../../test/webhook-receiver.ts";
import { NoReply, post } from "./post.ts";

let receiver: Receiver;
beforeEach(() => {
  receiver = new Receiver();
});
afterEach(() => receiver.stop());

const never = new AbortController().signal;
const send = (more: { timeoutMs?: number; signal?: AbortSignal; maxBytes?: number } = {}, url = receiver.url) =>
  post(url, { headers: { "x-test": "1" }, body: "{}" }, { timeoutMs: 60_000, maxBytes: 100, signal: never, ...more });
const reasonOf = (sending: Promise<unknown>) =>
  sending.then(
    () => "a reply",
    (error: unknown) => (error instanceof NoReply ? error.message : error),
  );

test("HOOK-13: the status, and as much of the text as is wanted", async () => {
  receiver.answer = () => new Response("hello", { status: 418 });
  expect(await send()).toEqual({ status: 418, text: "hello" });
  expect(receiver.received[0]?.headers).toMatchObject({ "content-type": "application/json", "x-test": "1" });
  receiver.answer = () => new Response("x".repeat(101));
  expect(await send()).toEqual({ status: 200, text: "" });
});

test("HOOK-13: a reply that does not come is waited for so long, and then the connection is left", async () => {
  let left = false;
  receiver.answer = () => new Promise(() => {});
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      request.signal.addEventListener("abort", () => {
        left = true;
      });
      return new Promise<Response>(() => {});
    },
  });
  using timers = spyOn(globalThis, "setTimeout");
  expect(await reasonOf(send({ timeoutMs: 200 }, `http://127.0.0.1:${server.port}/`))).toBe("no reply within 200 ms");
  expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([200]);
  while (!left) await new Promise(setImmediate);
  await server.stop(true);
});

test("HOOK-13: a text that stops in the middle is not waited for longer than a second", async () => {
  receiver.answer = () => new Response(new ReadableStream({ start: (controller) => controller.enqueue("{") }));
  using timers = spyOn(globalThis, "setTimeout");
  expect(await send()).toEqual({ status: 200, text: "" });
  expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([60_000, 1000]);
}, 20_000);

test("HOOK-13: a redirect is a reply like others", async () => {
  receiver.answer = () => Response.redirect("http://127.0.0.1:1/", 302);
  expect((await send()).status).toBe(302);
  expect(receiver.received).toHaveLength(1);
});

test("HOOK-13: nobody there, an unknown name, an answer that is not HTTP, and a client that gives up", async () => {
  expect(await reasonOf(send({}, `http://127.0.0.1:${freePort()}/`))).toBe("ECONNREFUSED");
  expect(await reasonOf(send({ timeoutMs: 5000 }, "http://nobody.invalid/"))).toBeString();
  const mute = Bun.listen({
    port: 0,
    hostname: "127.0.0.1",
    socket: { data: (socket) => void socket.end("SSH-2.0-OpenSSH\r\n") },
  });
  expect(await reasonOf(send({ timeoutMs: 5000 }, `http://127.0.0.1:${mute.port}/`))).toBeString();
  mute.stop(true);
  receiver.answer = () => new Promise(() => {});
  const abort = new AbortController();
  const sending = reasonOf(send({ signal: abort.signal }));
  await receiver.until("it is there", ({ open }) => open === 1);
  abort.abort();
  expect(await sending).toBeString();
}, 20_000);
