import { describe, expect, test } from "bun:test";
import { withDeadline } from "../../../../server/src/lib/interval.ts";
import { Http } from "../../api/http.ts";
import { sseTransport } from "./sse.ts";
import type { TransportEvents } from "./transport.ts";

const STREAM = { "Content-Type": "text/event-stream; charset=utf-8" };

/** An event stream that a test writes, and what the transport reports. */
function rig(headers: Record<string, string> = STREAM, { hasBody = true } = {}) {
  const told: string[] = [];
  const abort = new AbortController();
  let address = "";
  let body: ReadableStreamDefaultController<Uint8Array> | undefined;
  let isCancelled = false;
  const looking: (() => void)[] = [];
  const tell = (text: string) => {
    told.push(text);
    for (const look of looking) look();
  };
  const http = new Http(
    "https://x",
    async (url) => {
      address = url;
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => {
          body = controller;
        },
        cancel: () => {
          isCancelled = true;
        },
      });
      return new Response(hasBody ? stream : null, { headers });
    },
    () => {},
  );
  const on: TransportEvents = {
    opened: () => tell("opened"),
    ready: () => tell("ready"),
    live: () => tell("live"),
    alive: () => tell("alive"),
    receive: (frames, cursor) => tell(`${JSON.stringify(frames)} ${cursor}`),
    ended: (how) => tell(`ended ${how.kind}`),
    had: () => {},
    cursor: () => undefined,
  };
  sseTransport(http, { openMs: 1_000 }).open(
    { token: "t", cursor: "c", max: 7, idleSeconds: undefined, signal: abort.signal },
    on,
  );
  const until = (text: string) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => told.includes(text) && resolve();
    looking.push(look);
    look();
    return withDeadline(promise, 4_500, `${text} of ${told.join(", ")}`);
  };
  const write = (text: string | Uint8Array) =>
    body?.enqueue(typeof text === "string" ? new TextEncoder().encode(text) : text);
  return {
    told,
    abort,
    until,
    write,
    close: () => body?.close(),
    address: () => address,
    isCancelled: () => isCancelled,
  };
}

describe("an event stream", () => {
  test("SDK-2: it is asked for from the cursor on, and for as much as is wanted", async () => {
    const { until, address } = rig();
    await until("opened");
    expect(address()).toBe("https://x/api/v1/events/stream?cursor=c&max=7");
  });

  test("SDK-1: blocks that come in pieces, several at once, or with letters cut in two are each one event", async () => {
    const { told, until, write } = rig();
    await until("opened");
    write('id: 1\ndata: {"a":1}\n\nid: 2\nda');
    await until('[{"a":1}] 1');
    write('ta: {"b":2}\n\ndata: {"c":3}\r\n\n');
    await until('[{"c":3}] undefined');
    const letter = new TextEncoder().encode('data: {"d":"é"}\n\n');
    write(letter.subarray(0, 13));
    write(letter.subarray(13));
    await until('[{"d":"é"}] undefined');
    expect(told.filter((text) => text.startsWith("["))).toEqual([
      '[{"a":1}] 1',
      '[{"b":2}] 2',
      '[{"c":3}] undefined',
      '[{"d":"é"}] undefined',
    ]);
  });

  test("SDK-27: a comment is a sign of life and no event; its end is an end", async () => {
    const { told, until, write, close } = rig();
    await until("opened");
    write(": still here\n\n");
    await until("alive");
    close();
    await until("ended failed");
    expect(told).toEqual(["opened", "alive", "ended failed"]);
  });

  test.each([[{ "Content-Type": "text/html" }], [{}]])(
    "SDK-10: a success that is not an event stream (%j) is left to the next transport, and is read no further",
    async (headers) => {
      const { told, until, isCancelled } = rig(headers as Record<string, string>);
      await until("ended unsuited");
      expect([told, isCancelled()]).toEqual([["ended unsuited"], true]);
    },
  );

  test("SDK-10: nor is one without a body", async () => {
    const { told, until } = rig(STREAM, { hasBody: false });
    await until("ended unsuited");
    expect(told).toEqual(["ended unsuited"]);
  });

  test("SDK-27: anything but a frame ends it", async () => {
    const { until, write } = rig();
    await until("opened");
    write("data: <html>\n\n");
    await until("ended failed");
  });

  test("SDK-28: after its signal nothing is reported", async () => {
    const { told, until, write, close, abort } = rig();
    await until("opened");
    abort.abort();
    write('data: {"a":1}\n\n');
    close();
    await Bun.sleep(5);
    expect(told).toEqual(["opened"]);
  });
});

test.each([
  ["a long cursor", "c".repeat(1_001), "cursor_malformed"],
  ["a short one", "c".repeat(1_000), "unknown"],
  ["none", undefined, "unknown"],
])("SDK-33: a 431 is about the cursor where a long one was sent: with %s", async (_, cursor, code) => {
  const http = new Http(
    "https://x",
    async () => new Response("", { status: 431 }),
    () => {},
  );
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const on = { ended: resolve } as unknown as TransportEvents;
  const { signal } = new AbortController();
  sseTransport(http, { openMs: 1_000 }).open(
    { token: "t", cursor, max: undefined, idleSeconds: undefined, signal },
    on,
  );
  expect(await withDeadline(promise, 4_500, "the end")).toMatchObject({ kind: "refused", status: 431, code });
});
