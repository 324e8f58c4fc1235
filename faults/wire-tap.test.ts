import { expect, test } from "bun:test";
import { monotonicMs } from "./monotonic-clock.ts";
import { Random } from "./random.ts";
import type { Span } from "./spans.ts";
import { type LastAsked, WireRecord } from "./wire-record.ts";
import { PollSession, WireTap } from "./wire-tap.ts";

/** Servers' bytes as they are on the wire, and what has to be read of them however they are cut into pieces. */
const event = (seq: number, text = "hi") =>
  `{"type":4,"stream":"room:2","seq":${seq},"data":{"message":{"body":{"content":"${text}"}}}}`;
const LIVE = '{"type":115,"data":{"cursor":"x;*@1","live":true}}';
const RESYNC = '{"type":108,"data":{"stream":"room:2","why":"far"}}';

function webSocketFrame(text: string, opcode = 1): Buffer {
  const payload = Buffer.from(text, opcode === 1 ? "utf8" : "latin1");
  const length = payload.length;
  const head =
    length < 126
      ? [length]
      : length < 65_536
        ? [126, length >> 8, length & 255]
        : [127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...head]), payload]);
}

function chunked(parts: readonly string[]): Buffer {
  const chunks = parts.map((part) => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`);
  return Buffer.from(chunks.join(""));
}

/** One connection, read in pieces of random size. */
function read(requests: string | Buffer, replies: Buffer, seed: number) {
  const random = new Random(seed);
  const oldTexts = new Map<string, LastAsked>();
  const record = new WireRecord(oldTexts);
  const tap = new WireTap(record, new PollSession());
  const inPieces = (bytes: Buffer, to: (piece: Buffer) => void) => {
    for (let at = 0; at < bytes.length; ) {
      const end = at + random.between(1, 60);
      to(bytes.subarray(at, end));
      at = end;
    }
  };
  inPieces(Buffer.from(requests), (piece) => tap.sent(piece));
  inPieces(replies, (piece) => tap.received(piece));
  return { log: record.log, oldTexts, carries: tap.carries };
}

const seed = Math.floor(Math.random() * 2 ** 31);

test(`WebSocket frames of any length, in pieces (seed ${seed})`, () => {
  const request = "GET /ws?resume=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n";
  const { log, oldTexts, carries } = read(
    request,
    Buffer.concat([
      Buffer.from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
      webSocketFrame(RESYNC),
      webSocketFrame(event(1)),
      webSocketFrame(event(2, "ü".repeat(300))),
      webSocketFrame(LIVE),
      webSocketFrame(event(3, "x".repeat(70_000))),
      webSocketFrame("", 9),
      webSocketFrame(event(5, "to-be-recalled:w1-7")),
      webSocketFrame(event(5)),
      webSocketFrame("\u000f\u00a8bye", 8),
    ]),
    seed,
  );
  expect(log.streams).toEqual({
    "room:2": [
      [1, 3],
      [5, 5],
    ],
  });
  expect(log.deliveries.websocket).toEqual({ live: 2, backfill: 2 });
  expect(log.jumps).toEqual([{ stream: "room:2", transport: "websocket", from: 3, to: 5 }]);
  expect(log.falls).toEqual([{ stream: "room:2", transport: "websocket", from: 5, to: 5 }]);
  expect([log.repeats, log.closes]).toEqual([1, { 4008: 1 }]);
  expect([...oldTexts.keys()]).toEqual(["w1-7"]);
  expect(carries).toBe("websocket");
});

test(`event streams, in pieces and chunks (seed ${seed})`, () => {
  const { log } = read(
    "GET /api/v1/events/stream?cursor=x%3B HTTP/1.1\r\nHost: x\r\n\r\n",
    Buffer.concat([
      Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
      chunked([`data: ${event(1)}\n`, `\n:\n\nid: x;*@2\ndata: ${event(2)}\n\n`, `data: ${LIVE}\n\nretry: 5\n\n`]),
      chunked([`id: x;*@3\ndata: ${event(3)}\n\n`]),
    ]),
    seed,
  );
  expect(log.streams).toEqual({ "room:2": [[1, 3]] });
  expect(log.deliveries.sse).toEqual({ live: 1, backfill: 2 });
  expect([log.jumps, log.falls, log.repeats]).toEqual([[], [], 0]);
});

test(`polls on one connection, between other requests (seed ${seed})`, () => {
  const poll = (wait: number) => {
    const body = `{"cursor":"x;*@1","wait":${wait}}`;
    return `POST /api/v1/events HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  };
  const reply = (events: readonly string[], more: boolean) => {
    const body = Buffer.from(`{"events":[${events.join(",")}],"cursor":"x;*@1","more":${more}}`);
    return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]);
  };
  const { log, carries } = read(
    `${poll(0)}GET /api/v1/me HTTP/1.1\r\n\r\n${poll(0)}${poll(25)}`,
    Buffer.concat([
      reply([event(1)], true),
      Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
      reply([event(2), event(3)], false),
      reply([event(4)], false),
    ]),
    seed,
  );
  expect(log.streams).toEqual({ "room:2": [[1, 4]] });
  expect(log.deliveries["long-poll"]).toEqual({ live: 1, backfill: 3 });
  expect(carries).toBeUndefined();
});

/** Masked, as a client sends it. */
function commandFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const mask = Buffer.from([7, 200, 33, 99]);
  const masked = payload.map((byte, i) => byte ^ (mask[i % 4] as number));
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length]), mask, masked]);
}

test(`where clients ask to go on, and what they are told first (seed ${seed})`, () => {
  const ready = '{"type":101,"data":{"cursor":"x;*@9"}}';
  const resume = commandFrame('{"type":101,"data":{"cursor":"x;*@1","max":7}}');
  const socket = read(
    Buffer.concat([Buffer.from("GET /ws?resume=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"), resume]),
    Buffer.concat([
      Buffer.from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"),
      ...[ready, RESYNC, RESYNC, event(1), LIVE, RESYNC].map((text) => webSocketFrame(text)),
    ]),
    seed,
  ).log;
  const asked = { cursor: "x;*@1", max: 7 };
  expect(socket.starts).toEqual([expect.objectContaining({ ...asked, resyncs: [RESYNC, RESYNC], whole: true })]);
  expect(socket.lateResyncs).toEqual([RESYNC]);

  const stream = (blocks: readonly string[]) =>
    read(
      "GET /api/v1/events/stream?cursor=x%3B*%401&max=7 HTTP/1.1\r\nHost: x\r\n\r\n",
      Buffer.concat([
        Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        chunked(blocks.map((block) => `data: ${block}\n\n`)),
      ]),
      seed,
    ).log.starts;
  expect(stream([ready, RESYNC])).toEqual([expect.objectContaining({ ...asked, resyncs: [RESYNC], whole: false })]);
  expect(stream([ready, LIVE])).toEqual([expect.objectContaining({ ...asked, resyncs: [], whole: true })]);
  // Nothing is known yet about what it gets.
  expect(stream([ready])).toEqual([]);
});

test("which polls may go on with the reader of the last one", () => {
  const polls = new PollSession().of(0);
  expect(polls.asks("a", 1_000)).toBeUndefined();
  polls.replied(1_000, "b");
  // It comes long after any lost reply, and goes on exactly where the reply ended.
  expect(polls.asks("b", 1_100)).toEqual({ since: 1_000, isSure: true });
  // A poll that got no answer: a poll with the same cursor may find its reader, and no other poll does.
  expect(polls.asks("b", 1_200)).toEqual({ since: 1_100, isSure: false });
  expect(polls.asks("c", 1_300)).toBeUndefined();
  polls.replied(1_300, "d");
  expect(polls.asks("d", 1_400)).toEqual({ since: 1_300, isSure: false });
  polls.replied(1_400, "e");
  expect(polls.asks("e", 10_000)).toEqual({ since: 1_400, isSure: true });
});

test("a stream goes on behind the seq that its RESYNC names", () => {
  const said = '{"type":108,"data":{"stream":"room:2","seq":4,"why":"rejoined"}}';
  const record = (seq: number) => {
    const wire = new WireRecord(new Map());
    const connection = wire.open("sse", { resumes: true, askedAt: 1 });
    wire.frame(connection, said);
    wire.frame(connection, event(seq));
    return [wire.log.jumps.length, wire.log.falls.length];
  };
  expect([5, 6, 4].map(record)).toEqual([
    [0, 0],
    [1, 0],
    [0, 1],
  ]);
});

test("a connection counts as begun when its request was passed on, however late the answer comes", () => {
  const oldTexts = new Map<string, LastAsked>();
  const tap = new WireTap(new WireRecord(oldTexts), new PollSession());
  tap.sent(Buffer.from("GET /api/v1/events/stream?cursor=x%3B*%401&max=7 HTTP/1.1\r\nHost: x\r\n\r\n"));
  const askedBefore = monotonicMs();
  const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  tap.received(Buffer.concat([Buffer.from(head), chunked([`data: ${event(1, "to-be-recalled:w1-7")}\n\n`])]));
  expect(oldTexts.get("w1-7")?.[0]).toBeLessThanOrEqual(askedBefore);
});

const POLL = (cursor: string) => {
  const body = JSON.stringify({ cursor, max: 7, wait: 0 });
  return Buffer.from(`POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
};
const POLL_REPLY = (cursor: string) => {
  const body = JSON.stringify({ events: [], cursor, more: false });
  return Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
};

const proven = (record: WireRecord) => record.log.spans.filter(({ isProven }) => isProven);

test("polls of one connection that go to different servers: each server knows its own, and spans say who was polled", () => {
  const record = new WireRecord(new Map());
  const tap = new WireTap(record, new PollSession());
  expect(tap.isBetweenRequests).toBe(false);
  for (const [node, cursor, next] of [
    [0, "a", "b"],
    [1, "b", "c"],
    [0, "c", "d"],
    [0, "d", "d"],
  ] as const) {
    tap.leads(node);
    tap.sent(POLL(cursor).subarray(0, 30));
    expect(tap.isBetweenRequests).toBe(false);
    tap.sent(POLL(cursor).subarray(30));
    tap.received(POLL_REPLY(next));
    expect(tap.isBetweenRequests).toBe(true);
  }
  const starts = record.log.starts.map(({ node, cursor, kept }) => ({ node, cursor, kept: kept !== undefined }));
  // Server 0 got no poll with the cursor of its first reply. The last poll went on at once where the reply before it ended: its reader was kept.
  expect(starts).toEqual([
    { node: 0, cursor: "a", kept: false },
    { node: 1, cursor: "b", kept: false },
    { node: 0, cursor: "c", kept: false },
  ]);
  expect(proven(record).map(({ node }) => node)).toEqual([0, 1]);
});

test("a reply that was lost may have ended where that of another server did", () => {
  const polls = new PollSession().of(0);
  polls.asks("a", 1_000);
  expect(polls.asks("c", 2_000, false)).toEqual({ since: 1_000, isSure: false });
  polls.replied(2_000, "d");
  // The poll that was lost may have ended later than this one, and then its reader is kept.
  expect(polls.asks("e", 3_000, false)).toEqual({ since: 2_000, isSure: false });
  polls.replied(3_000, "f");
  expect(polls.asks("g", 4_000, false)).toEqual({ since: 3_000, isSure: false });
  polls.replied(4_000, "h");
  expect(polls.asks("i", 5_000, false)).toBeUndefined();
});

test("of a request that another server gets in the end, nothing is known about what that one has kept", () => {
  const record = new WireRecord(new Map());
  const tap = new WireTap(record, new PollSession());
  tap.leads(0);
  tap.sent(POLL("a"));
  tap.leads(2);
  tap.received(POLL_REPLY("b"));
  expect(record.log.starts).toEqual([
    expect.objectContaining({ node: 2, kept: expect.objectContaining({ isSure: false }) }),
  ]);
});

test("a server that gets a request which another one did not take keeps its reader", () => {
  const record = new WireRecord(new Map());
  const tap = new WireTap(record, new PollSession());
  const poll = (cursor: string, next: string, nodes: readonly number[]) => {
    tap.leads(nodes[0] as number);
    tap.sent(POLL(cursor));
    for (const node of nodes.slice(1)) tap.leads(node);
    tap.received(POLL_REPLY(next));
  };
  poll("a", "b", [0, 2]);
  poll("b", "c", [0]);
  poll("b", "c", [2]);
  const starts = record.log.starts.map(({ node, cursor }) => ({ node, cursor }));
  // The last one went on at once where its reply had ended.
  expect(starts).toEqual([
    { node: 2, cursor: "a" },
    { node: 0, cursor: "b" },
  ]);
});

test("a span is over when the connection ends, and when nothing passes for a while", () => {
  const record = new WireRecord(new Map());
  const tap = new WireTap(record, new PollSession());
  tap.leads(1);
  tap.sent(Buffer.from("GET /api/v1/events/stream HTTP/1.1\r\nHost: x\r\n\r\n"));
  // The server may take it for connected already.
  expect(record.log.spans).toEqual([expect.objectContaining({ node: 1, isProven: false })]);
  tap.received(Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
  tap.paused();
  const [first] = proven(record);
  tap.resumed();
  tap.ended();
  const [again, second] = proven(record) as [Span, Span];
  expect([again, second.node]).toEqual([first as Span, 1]);
  expect(second.from).toBeGreaterThanOrEqual(again.to);
  expect(proven(record)).toEqual([again, second]);
  const [asked, ...others] = record.log.spans.filter(({ isProven }) => !isProven);
  expect(others).toEqual([]);
  expect(asked?.to).toBeGreaterThanOrEqual(second.to);
});

test("a poll whose answer was held back shows that its server was asked, and not that it still waited meanwhile", async () => {
  const record = new WireRecord(new Map());
  const tap = new WireTap(record, new PollSession());
  const last = () => proven(record).at(-1) as Span;
  /** @returns when the answer began to come */
  const poll = async (cursor: string, next: string) => {
    tap.sent(POLL(cursor));
    await Bun.sleep(20);
    const answeredAt = monotonicMs();
    tap.received(POLL_REPLY(next));
    return answeredAt;
  };
  await poll("a", "b");
  tap.sent(POLL("b"));
  tap.paused();
  const heldAt = monotonicMs();
  await Bun.sleep(20);
  // What is held back is passed on a little later.
  tap.resumed();
  tap.received(POLL_REPLY("c"));
  expect(last().to).toBeLessThanOrEqual(heldAt);
  // Nothing is held back any more.
  const freeAt = await poll("c", "d");
  expect(last().to).toBeGreaterThanOrEqual(freeAt);
  // Nothing was asked in a pause.
  tap.paused();
  tap.resumed();
  const answeredAt = await poll("d", "e");
  expect(last().to).toBeGreaterThanOrEqual(answeredAt);
  // The client asks while nothing comes from the server.
  tap.paused();
  const pausedAt = monotonicMs();
  await Bun.sleep(20);
  tap.sent(POLL("e"));
  const askedAt = monotonicMs();
  await Bun.sleep(20);
  tap.resumed();
  tap.received(POLL_REPLY("f"));
  expect(last().to).toBeGreaterThan(pausedAt);
  expect(last().to).toBeLessThanOrEqual(askedAt);
});
