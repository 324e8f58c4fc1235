import { expect, test } from "bun:test";
import { count, GET, HANDSHAKE, outcomeOf } from "./bare-requests.ts";
import { isRunning, SeveralProcesses, until } from "./several-processes.ts";

async function withProcesses(work: (server: SeveralProcesses) => Promise<void>): Promise<void> {
  const server = new SeveralProcesses();
  try {
    await server.start();
    await work(server);
  } finally {
    await server.remove();
  }
}

test.each([
  ["requests", GET, "401"],
  ["handshakes", HANDSHAKE, "101"],
])(
  "PROC-7: of %s that keep coming while all workers stop, each is answered or refused before it begins, and none is lost",
  (_, request, usual) =>
    withProcesses(async (server) => {
      const outcomes: string[] = [];
      const client = async () => {
        for (let last = ""; last !== "refused"; outcomes.push(last)) last = await outcomeOf(server.url, request);
      };
      const clients = Promise.all(Array.from({ length: 60 }, client));
      await until(() => count(outcomes, usual) > 300, 20_000, "the load");
      server.terminate();
      await clients;
      expect(await server.exited()).toBe(0);
      expect(count(outcomes, "lost")).toBe(0);
      expect(count(outcomes, "refused")).toBe(60);
      if (request === GET) expect(count(outcomes, "503")).toBeGreaterThan(0);
    }),
  60_000,
);

test(
  "PROC-7: requests that filled the queue of the ports before the stop are answered",
  () =>
    withProcesses(async (server) => {
      const { workers } = server;
      for (const pid of workers) process.kill(pid, "SIGSTOP");
      let queued = 0;
      const asked = Array.from({ length: 400 }, () => outcomeOf(server.url, GET, () => void queued++));
      await until(() => queued === 400, 20_000, "the queue");
      server.terminate();
      for (const pid of workers) process.kill(pid, "SIGCONT");
      const outcomes = await Promise.all(asked);
      expect(outcomes.filter((one) => one !== "401" && one !== "503")).toEqual([]);
      expect(await server.exited()).toBe(0);
      expect(workers.some(isRunning)).toBe(false);
    }),
  60_000,
);
