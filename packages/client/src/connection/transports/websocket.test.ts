import { describe, expect, test } from "bun:test";
import { Command } from "@parley/protocol";
import type { TransportEvents } from "./transport.ts";
import { webSocketTransport } from "./websocket.ts";

type Listener = ((event: never) => void) | null;

/** A socket that does only what a test says: not even a close ends it before it has opened. */
class FakeSocket {
  static last: FakeSocket;
  readyState = 0;
  onopen: Listener = null;
  onmessage: Listener = null;
  onerror: Listener = null;
  onclose: Listener = null;
  readonly sent: string[] = [];
  closes = 0;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.last = this;
  }
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.closes += 1;
  }
  opens(): void {
    this.readyState = 1;
    this.onopen?.({} as never);
  }
  says(data: unknown): void {
    this.onmessage?.({ data } as never);
  }
  ends(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason } as never);
  }
}

function rig(more: { cursor?: string; idleSeconds?: number; path?: string } = {}) {
  const told: string[] = [];
  const abort = new AbortController();
  const on: TransportEvents = {
    opened: () => void told.push("opened"),
    ready: () => {},
    live: () => {},
    alive: () => {},
    receive: (frames) => void told.push(JSON.stringify(frames)),
    ended: (end) => void told.push(JSON.stringify(end)),
    had: () => {},
    cursor: () => undefined,
  };
  const start = { token: "t", cursor: more.cursor, max: 7, idleSeconds: more.idleSeconds, signal: abort.signal };
  const parts = { url: "https://x/chat", WebSocket: FakeSocket as never, path: more.path };
  const transport = webSocketTransport(parts);
  const { send } = transport.open(start, on);
  const again = () => {
    transport.open(start, on);
    return FakeSocket.last.url;
  };
  return { told, abort, send, again, socket: FakeSocket.last };
}

describe("a WebSocket", () => {
  test("SDK-2: it resumes from a cursor as soon as it is open, and asks for nothing without one", () => {
    const resuming = rig({ cursor: "c", idleSeconds: 120 });
    expect([resuming.socket.url, resuming.socket.protocols]).toEqual([
      "wss://x/chat/ws?resume=1&idle=120",
      ["parley", "t"],
    ]);
    resuming.socket.opens();
    expect(resuming.socket.sent).toEqual([JSON.stringify({ type: Command.RESUME, data: { cursor: "c", max: 7 } })]);
    const fresh = rig();
    fresh.socket.opens();
    expect([fresh.socket.url, fresh.socket.sent, fresh.told]).toEqual(["wss://x/chat/ws", [], ["opened"]]);
  });

  test("SDK-27: what it says is handed on; anything but a frame, and a close, end it; an error alone does not", () => {
    const { socket, told } = rig();
    socket.opens();
    socket.says('{"type":4}');
    socket.onerror?.({} as never);
    socket.ends(1013, "retry=5");
    expect(told).toEqual(["opened", '[{"type":4}]', '{"kind":"closed","code":1013,"reason":"retry=5"}']);
    const odd = rig();
    odd.socket.says("<html>");
    expect(odd.told).toEqual(['{"kind":"failed"}']);
  });

  test("SDK-27: a frame that cannot be sent is lost, and throws nothing", () => {
    const { socket, send } = rig();
    send?.(102, {});
    socket.opens();
    send?.(102, { roomId: 1 });
    socket.ends(1006);
    send?.(102, {});
    expect(socket.sent).toEqual(['{"type":102,"data":{"roomId":1}}']);
  });

  test("SDK-28: its signal closes it, at any moment, and nothing is heard of it any more", () => {
    const open = rig();
    open.socket.opens();
    open.abort.abort();
    expect(open.socket.closes).toBe(1);
    open.socket.says('{"type":4}');
    open.socket.ends(1006);
    expect(open.told).toEqual(["opened"]);
    // Some implementations open all the same when they were closed before.
    const early = rig({ cursor: "c" });
    early.abort.abort();
    early.socket.opens();
    expect([early.socket.closes, early.socket.sent, early.told]).toEqual([2, [], []]);
  });

  test("SDK-17: where /ws does not open, /websocket is tried, and the path that opened is the one from then on", () => {
    const { socket, told, again } = rig({ idleSeconds: 120 });
    socket.ends(1006);
    const second = FakeSocket.last;
    expect([second.url, told]).toEqual(["wss://x/chat/websocket?idle=120", []]);
    second.opens();
    second.ends(1012);
    expect([told, FakeSocket.last]).toEqual([["opened", '{"kind":"closed","code":1012,"reason":""}'], second]);
    expect(again()).toBe("wss://x/chat/websocket?idle=120");
    FakeSocket.last.ends(1006);
    expect([FakeSocket.last.url, told.length]).toEqual(["wss://x/chat/websocket?idle=120", 3]);
  });

  test("SDK-17: where neither opens that is its end, and a path that was given is the only one", () => {
    const neither = rig();
    neither.socket.ends(1006);
    FakeSocket.last.ends(1006);
    expect(neither.told).toEqual(['{"kind":"closed","code":1006,"reason":""}']);
    const given = rig({ path: "/live" });
    expect(given.socket.url).toBe("wss://x/chat/live");
    given.socket.ends(1006);
    expect([FakeSocket.last, given.told.length]).toEqual([given.socket, 1]);
  });

  test("SDK-28: its signal ends it between two paths too", () => {
    const { socket, told, abort } = rig();
    abort.abort();
    socket.ends(1006);
    expect([FakeSocket.last, told]).toEqual([socket, []]);
  });
});
