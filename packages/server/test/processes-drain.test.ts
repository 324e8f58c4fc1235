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

/** How requests that keep coming end while all workers stop. */
async function outcomesOfStop(request: string, usual: string): Promise<string[]> {
  const outcomes: string[] = [];
  await withProcesses(async (server) => {
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
  });
  return outcomes;
}

test("PROC-7: of handshakes that keep coming while all workers stop, each is answered or refused before it begins, and none is lost", async () => {
  await outcomesOfStop(HANDSHAKE, "101");
}, 60_000);

test("PROC-7: of requests that keep coming while all workers stop, each is answered or refused before it begins, and none is lost", async () => {
  // Workers that have heard nothing new for a fifth of a second close their ports: on a machine that stands still at that moment nobody has asked them
  // meanwhile. So this goes on until one was refused; workers that refuse nobody reach the test's limit.
  for (let refused = 0; refused === 0; ) refused = count(await outcomesOfStop(GET, "401"), "503");
}, 120_000);

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
