import { afterEach, expect, test } from "bun:test";
import { HiddenTexts } from "./hidden-texts.ts";
import { Link } from "./link.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import type { Span } from "./spans.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** A server that answers with its name. */
function server(name: string) {
  const own = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(name) });
  ends.push(() => own.stop(true));
  return { port: own.port as number, stop: () => own.stop(true) };
}

function linkTo(ports: readonly number[]): Link {
  const link = new Link(ports, { oldTexts: new Map(), hidden: new HiddenTexts() });
  ends.push(() => link.close());
  return link;
}

const ask = async (link: Link) => (await fetch(`http://127.0.0.1:${link.port}/`)).text();

test("each request goes to the next server, also on one connection, and past one that does not accept any", async () => {
  const [a, b, c] = [server("a"), server("b"), server("c")];
  const link = linkTo([a.port, b.port, c.port]);
  const answers = [];
  for (let i = 0; i < 6; i++) answers.push(await ask(link));
  expect(answers.join("")).toBe("abcabc");
  await b.stop();
  const later = [await ask(link), await ask(link), await ask(link)];
  expect(later.filter((name) => name === "b")).toEqual([]);
});

test("with one server, its connection stays", async () => {
  let connections = 0;
  const own = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: () => void connections++,
      data: (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
    },
  });
  ends.push(() => own.stop(true));
  const link = linkTo([own.port]);
  for (let i = 0; i < 3; i++) expect(await ask(link)).toBe("x");
  expect(connections).toBe(1);
});

test("a client that is stranded keeps its connection, and gets no other", async () => {
  const { port } = server("a");
  const link = linkTo([port]);
  expect(await ask(link)).toBe("a");
  link.apply({ kind: "strand", ms: 60_000 });
  expect(await ask(link)).toBe("a");
  link.apply({ kind: "end" });
  await expect(ask(link)).rejects.toThrow();
});

/** A server of polls that answers each at once. @returns when it did */
function ofPolls() {
  const answeredAt: number[] = [];
  const own = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      await request.text();
      answeredAt.push(monotonicMs());
      return Response.json({ events: [], cursor: "c", more: false });
    },
  });
  ends.push(() => own.stop(true));
  return { port: own.port as number, answeredAt };
}

test("an answer to a poll that is held up says nothing of the time after the server had given it", async () => {
  const { port, answeredAt } = ofPolls();
  const link = linkTo([port]);
  let replies = "";
  const data = (_: unknown, bytes: Buffer) => {
    replies += bytes.toString();
  };
  const socket = await Bun.connect({ hostname: "127.0.0.1", port: link.port, socket: { data } });
  const poll = async () => {
    replies = "";
    socket.write('POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n\r\n{"cursor":"c","wait":10}');
    while (!replies.includes('"more":false')) await Bun.sleep(5);
  };
  const last = () => proven(link).at(-1) as Span;
  await poll();
  await poll();
  expect(last().to).toBeGreaterThanOrEqual(answeredAt.at(-1) as number);
  // From now on the link reads nothing from the server.
  link.apply({ kind: "slow", ms: 1_000 });
  await poll();
  const held = last();
  expect(held.to).toBeLessThanOrEqual(answeredAt.at(-1) as number);
  await poll();
  expect(last().from).toBeGreaterThan(held.to);
  expect(last().to).toBeGreaterThanOrEqual(answeredAt.at(-1) as number);
}, 20_000);

test("an event stream that is held up proves nothing: the server may have ended it", async () => {
  const beat = new TextEncoder().encode(": beat\n\n");
  let beats = 0;
  const pull = async (stream: ReadableStreamDefaultController) => {
    await Bun.sleep(20);
    stream.enqueue(beat);
    beats += 1;
  };
  const own = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(new ReadableStream({ pull })) });
  ends.push(() => own.stop(true));
  const link = linkTo([own.port as number]);
  const reader = await stream(link);
  await reader.read();
  // The link has had the first of three beats by the time that the third one is sent.
  const goesOn = async () => {
    const to = proven(link).at(-1)?.to;
    for (const enough = beats + 3; beats < enough; ) await Bun.sleep(5);
    return proven(link).at(-1)?.to !== to;
  };
  const until = async (wanted: boolean) => {
    for (const deadline = performance.now() + 10_000; (await goesOn()) !== wanted; )
      if (performance.now() > deadline) throw new Error(`the span ${wanted ? "ends" : "goes on"}`);
  };
  await until(true);
  link.apply({ kind: "buffer", ms: 60_000 });
  await until(false);
  // What was held is passed on, and the stream goes on.
  link.apply({ kind: "buffer", ms: 1 });
  await until(true);
  expect(proven(link)).toHaveLength(2);
}, 30_000);

/** An event stream that goes on for as long as it is read. */
function endless(): number {
  const chunk = new TextEncoder().encode(`: ${"x".repeat(60_000)}\n\n`);
  const own = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response(new ReadableStream({ pull: (stream) => stream.enqueue(chunk) })),
  });
  ends.push(() => own.stop(true));
  return own.port as number;
}

async function stream(link: Link): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const url = `http://127.0.0.1:${link.port}/api/v1/events/stream`;
  const { body } = await fetch(url);
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  ends.push(() => reader.cancel());
  return reader;
}

const proven = (link: Link) => link.log.spans.filter(({ isProven }) => isProven);

test("a client that reads in sips, or not at all, proves nothing of the connection: the server may have ended it", async () => {
  const sipping = linkTo([endless()]);
  sipping.apply({ kind: "throttle", ms: 60_000 });
  const reader = await stream(sipping);
  while (proven(sipping).length < 4) await reader.read();
  const idle = linkTo([endless()]);
  await stream(idle);
  let [first] = proven(idle);
  const deadline = performance.now() + 10_000;
  for (let before = 0; before !== first?.to; [first] = proven(idle)) {
    if (performance.now() > deadline) throw new Error("the span goes on though nothing is read");
    before = first?.to ?? 0;
    await Bun.sleep(50);
  }
}, 20_000);
