import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StorageFault } from "../db/storage-fault.ts";
import { ProblemError } from "../lib/problem.ts";
import { Link, LinkClosed, type LinkEnd } from "./link.ts";

type AnyLink = Link<unknown, unknown, unknown, unknown>;
type AnyEnd = LinkEnd<unknown, unknown>;

const dir = mkdtempSync(join(tmpdir(), "parley-"));
const path = join(dir, "s");
const silent: AnyEnd = { answer: async () => null, hear: () => {}, closed: () => {} };
let serverEnd: AnyLink;
let opened = Promise.withResolvers<AnyLink>();
let listener: Bun.UnixSocketListener<AnyLink>;

beforeAll(() => {
  listener = Bun.listen<AnyLink>({
    unix: path,
    socket: {
      open: (socket) => {
        socket.data = serverEnd;
        serverEnd.opened(socket as never);
        opened.resolve(serverEnd);
      },
      data: (socket, piece) => socket.data.handlers.data(socket as never, piece),
      drain: (socket) => socket.data.handlers.drain(socket as never),
      close: (socket, error) => socket.data.handlers.close(socket as never, error),
      error: (socket, error) => socket.data.handlers.error(socket as never, error),
    },
  });
});
afterAll(() => {
  listener.stop(true);
  rmSync(dir, { recursive: true });
});

async function pair(a: Partial<AnyEnd>, b: Partial<AnyEnd>, maxQueueBytes = 1 << 26): Promise<[AnyLink, AnyLink]> {
  opened = Promise.withResolvers();
  serverEnd = new Link({ ...silent, ...a }, { maxQueueBytes });
  const client: AnyLink = new Link({ ...silent, ...b }, { maxQueueBytes });
  await Bun.connect({ unix: path, socket: { ...client.handlers, open: (socket) => client.opened(socket) } });
  return [await opened.promise, client];
}

test("questions are answered, and tellings and answers arrive in the order in which they were sent", async () => {
  const heard: unknown[] = [];
  const [server, client] = await pair(
    {
      answer: async (question) => {
        server.tell({ before: question });
        return { of: question };
      },
    },
    { hear: (telling) => void heard.push(telling) },
  );
  const answers = await Promise.all([1, 2, 3].map((n) => client.ask(n).then((value) => [value, heard.length])));
  expect(answers.map(([value]) => value)).toEqual([{ of: 1 }, { of: 2 }, { of: 3 }]);
  for (const [index, [, before]] of answers.entries()) expect(before).toBeGreaterThan(index);
  client.close();
});

test("what the other end throws is thrown here: refusals with their code, faults of the storage with their words", async () => {
  const thrown = [
    new ProblemError("overloaded", "later", { retryAfterMs: 7 }),
    new StorageFault("is full"),
    new Error("a bug"),
  ];
  const [, client] = await pair({ answer: async (n) => Promise.reject(thrown[n as number]) }, {});
  const refused = await Promise.all(thrown.map((_, n) => client.ask(n).catch((error: unknown) => error)));
  expect(refused[0]).toMatchObject({ code: "overloaded", message: "later", retryAfterMs: 7 });
  expect(refused[1]).toBeInstanceOf(StorageFault);
  expect((refused[1] as StorageFault).fault).toBe("is full");
  expect(refused[2]).toMatchObject({ message: "a bug" });
  client.close();
});

test("much arrives whole though the kernel takes it in pieces", async () => {
  const heard: string[] = [];
  const all = Promise.withResolvers<void>();
  const [server] = await pair(
    {},
    {
      hear: (telling) => {
        if (heard.push(telling as string) === 40) all.resolve();
      },
    },
  );
  const texts = Array.from({ length: 40 }, (_, n) => String(n).repeat(400_000));
  for (const text of texts) server.tell(text);
  expect(server.queuedBytes).toBeGreaterThan(1_000_000);
  await all.promise;
  expect(heard).toEqual(texts);
  expect(server.queuedBytes).toBe(0);
});

test("an end to which more waits than it may ends the socket, and whoever waits for an answer is told", async () => {
  const why = Promise.withResolvers<Error | undefined>();
  const [server, client] = await pair(
    { closed: (error) => why.resolve(error), answer: () => new Promise(() => {}) },
    {},
    100_000,
  );
  const asked = client.ask("anything").catch((error: unknown) => error);
  for (let n = 0; n < 10; n++) server.tell("x".repeat(50_000));
  expect((await why.promise)?.message).toBe("nobody reads the socket");
  expect(await asked).toBeInstanceOf(LinkClosed);
  expect(await client.ask("after").catch((error: Error) => error.message)).toBe("the other process is gone");
});

test("a question or an answer that is too long is refused, and the socket goes on", async () => {
  const [, client] = await pair({ answer: async (n) => "x".repeat(n as number) }, {});
  const refused = /a frame of \d+ bytes is too long/;
  expect(await client.ask("x".repeat(40_000_000)).catch((error: Error) => error.message)).toMatch(refused);
  expect(client.waiting).toBe(0);
  expect(await client.ask(40_000_000).catch((error: Error) => error.message)).toMatch(refused);
  expect(await client.ask(3)).toBe("xxx");
  client.close();
});
