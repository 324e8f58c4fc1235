import { describe, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { withDeadline } from "../src/lib/interval.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, signUp } from "./harness.ts";
import { historyOf } from "./history.ts";
import { LiveClient } from "./live-client.ts";
import { type SendOutcome, sendAll } from "./load.ts";
import { ServerProcess } from "./server-process.ts";
import { isRunning, SeveralProcesses, until } from "./several-processes.ts";

/** So many connections are on both processes, but once in a million times. */
const SPREAD = 20;
/** A reply waits no longer for a process that does not answer, and promises nothing then: the machine may have stood still. */
const EVERYWHERE_MS = 1000;

async function withProcesses(work: (server: SeveralProcesses) => Promise<void>, settings = {}): Promise<void> {
  const server = new SeveralProcesses(settings);
  try {
    await server.start();
    await work(server);
  } finally {
    await server.remove();
  }
}

async function chat(server: ServerProcess): Promise<{ people: [Person, ...Person[]]; roomId: number; stream: string }> {
  const people = await Promise.all(["ann", "ben", "cai", "dee"].map((name) => signUp(server.url, name)));
  const [ann, ...others] = people as [Person, ...Person[]];
  const memberIds = others.map(({ uid }) => uid);
  const { id } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds });
  return { people: [ann, ...others], roomId: id, stream: `room:${id}` };
}

async function live(server: ServerProcess, person: Person, cursor?: string): Promise<LiveClient> {
  const client = await LiveClient.open(server.url, { token: person.token, path: "/ws?resume=1" });
  client.send({ type: Command.RESUME, data: { cursor: cursor ?? null, max: 10_000 } });
  await client.frame(Push.CURSOR, (frame) => frame.data.live);
  return client;
}

/**
 * The numbers of a room's messages that a client got. The event before them, by which the room was made, may reach a process after its clients
 * are live there.
 */
function messagesOf(client: LiveClient, stream: string): (number | undefined)[] {
  return client
    .stream(stream)
    .filter(({ type }) => type === Push.MESSAGE)
    .map(({ seq }) => seq);
}

describe("a worker that dies", () => {
  test(
    "PROC-2, IM-2: is replaced under load; its clients resume, and nothing is lost or comes twice",
    () =>
      withProcesses(async (server) => {
        const { people, roomId, stream } = await chat(server);
        const watcher = people[1] as Person;
        const clients = await Promise.all(Array.from({ length: SPREAD }, () => live(server, watcher)));
        const begun = clients.map((client) => client.of(Push.CURSOR).at(-1)?.data.cursor as string);
        let answers = 0;
        let killed: Promise<void> | undefined;
        const [victim] = server.workers as [number];
        const outcomes: SendOutcome[] = await sendAll({
          senders: [...people, ...people],
          roomId,
          count: 600,
          onAnswer: ({ status }) => {
            answers += status === 201 ? 1 : 0;
            if (answers !== 150 || killed) return;
            process.kill(victim, "SIGKILL");
            killed = server.replaced(victim);
          },
        });
        await killed;
        // On a machine that stands still the other process may be seen before the ends of these.
        await Promise.all(clients.map((client) => client.hasEnded()));
        const cut = clients.filter((client) => client.closed);
        expect(cut.length).toBeGreaterThan(0);
        expect(cut.length).toBeLessThan(SPREAD);
        const acknowledged = outcomes.filter(({ status }) => status === 201).map(({ clientId }) => clientId);
        const history = await historyOf(watcher, roomId);
        const stored = history.map(({ message }) => message.clientId as string);
        expect(new Set(stored).size).toBe(stored.length);
        expect(acknowledged.filter((id) => !stored.includes(id))).toEqual([]);
        expect(outcomes.filter(({ status }) => status !== undefined && status !== 201)).toEqual([]);
        const seqs = history.map(({ message }) => message.seq as number);
        for (const [index, client] of clients.entries()) {
          const again = client.closed ? await live(server, watcher, begun[index]) : undefined;
          if (again) expect(again.of(Push.RESYNC)).toEqual([]);
          const reader = again ?? client;
          await reader.until(() => reader.stream(stream).at(-1)?.seq === seqs.at(-1), "the last message");
          expect(messagesOf(reader, stream)).toEqual(seqs);
        }
      }),
    60_000,
  );

  test(
    "PROC-4: one that has frozen is replaced, though its sockets are open",
    () =>
      withProcesses(async (server) => {
        const [frozen] = server.workers as [number];
        process.kill(frozen, "SIGSTOP");
        await server.replaced(frozen);
        expect(isRunning(frozen)).toBe(false);
        await until(() => server.output.includes("no longer answers"), 10_000, "a line of the log");
        const replies = await Promise.all(Array.from({ length: SPREAD }, () => fetch(`${server.url}/readyz`)));
        expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
      }),
    40_000,
  );

  test(
    "PROC-4: a supervisor that was held up itself replaces nobody for it",
    () =>
      withProcesses(async (server) => {
        const before = server.workers;
        process.kill(server.pid, "SIGSTOP");
        // This test is about the time that passes.
        await Bun.sleep(7000);
        process.kill(server.pid, "SIGCONT");
        await signUp(server.url, "ann");
        await Bun.sleep(1500);
        expect(server.workers).toEqual(before);
      }),
    40_000,
  );
});

test(
  "PROC-3: when the supervisor is killed all end within a second, and the next start has everything",
  () =>
    withProcesses(async (server) => {
      const { people, roomId } = await chat(server);
      const { workers } = server;
      const client = await live(server, people[0]);
      const outcomes = await sendAll({ senders: people, roomId, count: 40 });
      await server.kill();
      // It takes a few milliseconds; whatever is slower than their sockets would take 5 s.
      await until(() => !workers.some(isRunning), 4000, "the workers' end");
      await client.ended();
      await server.start();
      const api = new ApiClient(server.url, people[0].token);
      const stored = (await historyOf({ ...people[0], api }, roomId)).map(({ message }) => message.clientId);
      expect(stored.toSorted()).toEqual(outcomes.map(({ clientId }) => clientId).toSorted());
    }),
  60_000,
);

test(
  "PROC-1: what is sent twice at once, by way of whichever process, is one message",
  () =>
    withProcesses(async (server) => {
      const { people, roomId } = await chat(server);
      const body = { clientId: "once", type: 1, body: { content: "hello" } };
      const replies = await Promise.all(
        Array.from({ length: SPREAD }, () =>
          people[0].api.call("POST", `/rooms/${roomId}/messages`, body, { Connection: "close" }),
        ),
      );
      const processes = new Set(
        replies.map(({ headers }) => headers.get("X-Request-Id")?.split("-").slice(0, -1).join("-")),
      );
      expect(processes.size).toBe(2);
      expect(replies.map(({ status }) => status).toSorted()).toEqual([...Array(SPREAD - 1).fill(200), 201]);
      expect((await historyOf(people[0], roomId)).length).toBe(1);
    }),
  40_000,
);

test(
  "PROC-1: a 201 means that the message was handed to the connections of the process that answers",
  () =>
    withProcesses(async (server) => {
      const { people, roomId, stream } = await chat(server);
      const clients = await Promise.all(Array.from({ length: SPREAD }, () => live(server, people[1] as Person)));
      await sendAll({ senders: people, roomId, count: 50 });
      for (const client of clients) {
        await client.until(() => messagesOf(client, stream).length === 50, "all messages");
        expect(messagesOf(client, stream)).toEqual(Array.from({ length: 50 }, (_, i) => i + 2));
      }
    }),
  40_000,
);

describe("what is over", () => {
  test(
    "PROC-6: after the reply to a recall no process shows the text to anybody",
    () =>
      withProcesses(async (server) => {
        const { people, roomId, stream } = await chat(server);
        const [ann, ben] = people as [Person, Person];
        const first = await live(server, ben);
        const cursor = first.of(Push.CURSOR).at(-1)?.data.cursor as string;
        let inTime = 0;
        for (let n = 0; inTime < 10 && n < 20; n++) {
          const body = { clientId: `m${n}`, type: 1, body: { content: `secret ${n}` } };
          const sent = await ann.api.ok<{ message: { id: number } }>("POST", `/rooms/${roomId}/messages`, body);
          // Both have it in memory then. The one that did not answer may hear of it a moment later.
          const before = await Promise.all(Array.from({ length: 6 }, () => live(server, ben, cursor)));
          for (const one of before)
            await one.until(() => JSON.stringify(one.stream(stream)).includes(`secret ${n}`), "the message");
          const asked = performance.now();
          await ann.api.ok("DELETE", `/messages/${sent.message.id}`);
          const isInTime = performance.now() - asked < EVERYWHERE_MS;
          const after = await Promise.all(Array.from({ length: 6 }, () => live(server, ben, cursor)));
          if (isInTime) {
            inTime += 1;
            for (const one of after) expect(JSON.stringify(one.frames)).not.toContain(`secret ${n}`);
          }
          for (const one of [...before, ...after]) one.close();
        }
        expect(inTime).toBe(10);
      }),
    40_000,
  );

  test(
    "PROC-6: the reply waits for a process that does not answer, at most a second; other replies do not",
    () =>
      withProcesses(async (server) => {
        const { people, roomId } = await chat(server);
        const [ann] = people;
        const send = (clientId: string) =>
          ann.api.call<{ message: { id: number } }>(
            "POST",
            `/rooms/${roomId}/messages`,
            { clientId, type: 1, body: { content: "hello" } },
            { Connection: "close" },
          );
        const sent = await Promise.all(Array.from({ length: SPREAD }, (_, n) => send(`a${n}`)));
        const [frozen] = server.workers as [number];
        process.kill(frozen, "SIGSTOP");
        const asked: Promise<unknown>[] = [];
        const fastest = async (ask: () => Promise<unknown>[]) => {
          const began = performance.now();
          const some = ask();
          asked.push(...some);
          await Promise.any(some);
          return performance.now() - began;
        };
        // If the machine stands still for a moment, it does not do so each time.
        let sendMs = Number.POSITIVE_INFINITY;
        for (let tries = 0; tries < 3 && sendMs > 700; tries++) {
          const label = "bcd"[tries];
          sendMs = await fastest(() => Array.from({ length: SPREAD }, (_, n) => send(`${label}${n}`)));
        }
        const recallMs = await fastest(() =>
          sent.map(({ body }) =>
            ann.api.call("DELETE", `/messages/${body.message.id}`, undefined, { Connection: "close" }),
          ),
        );
        // Five seconds after it froze it is replaced, and then nobody waits for it either.
        const stillThere = isRunning(frozen);
        process.kill(frozen, "SIGCONT");
        await Promise.allSettled(asked);
        expect(sendMs).toBeLessThan(700);
        expect(recallMs).toBeGreaterThan(900);
        expect(stillThere).toBe(true);
      }),
    40_000,
  );
});

describe("ports", () => {
  const refused = async (settings: Record<string, string>, Kind = ServerProcess) => {
    const second = new Kind(settings);
    try {
      return await second.start().then(
        () => "it started",
        (error: Error) => error.message,
      );
    } finally {
      await second.remove();
    }
  };

  test(
    "PROC-5: a second server does not get a part of the first one's connections",
    () =>
      withProcesses(async (server) => {
        const { port } = new URL(server.url);
        for (const Kind of [ServerProcess, SeveralProcesses]) {
          expect(await refused({ PORT: port }, Kind)).toContain("the server ended before it was ready");
        }
        const replies = await Promise.all(Array.from({ length: SPREAD }, () => fetch(`${server.url}/healthz`)));
        expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
      }),
    40_000,
  );

  test(
    "PROC-5: while all workers are gone, a second server of several processes does not take the port",
    () =>
      withProcesses(async (server) => {
        const { port } = new URL(server.url);
        for (const pid of server.workers) process.kill(pid, "SIGSTOP");
        for (const pid of server.workers) process.kill(pid, "SIGKILL");
        expect(await refused({ PORT: port }, SeveralProcesses)).toContain("the server ended before it was ready");
      }),
    40_000,
  );
});

test("PROC-12: workers that cannot serve at all end the start, with what they say", async () => {
  const server = new SeveralProcesses({ PORT: "1", HOST: "203.0.113.1" });
  try {
    expect(await server.start().catch((error: Error) => error.message)).toContain("ended before it was ready");
    expect(await withDeadline(server.exited(), 20_000, "it runs on")).toBe(1);
  } finally {
    await server.remove();
  }
}, 30_000);

test(
  "PROC-7: SIGTERM to everybody, as systemd sends it, stops all with exit code 0",
  () =>
    withProcesses(async (server) => {
      const { people } = await chat(server);
      const client = await live(server, people[0]);
      const { workers } = server;
      for (const pid of workers) process.kill(pid, "SIGTERM");
      server.terminate();
      expect((await client.ended()).code).toBe(1012);
      expect(await server.exited()).toBe(0);
      expect(workers.some(isRunning)).toBe(false);
    }),
  40_000,
);
