import { expect, test } from "bun:test";
import { signUp } from "./harness.ts";
import { SeveralProcesses } from "./several-processes.ts";

async function withProcesses(work: (server: SeveralProcesses) => Promise<void>): Promise<void> {
  const server = new SeveralProcesses({ RATE_LIMITS: "on" });
  try {
    await server.start();
    await work(server);
  } finally {
    await server.remove();
  }
}

const post = (server: SeveralProcesses, path: string, body: unknown = {}) =>
  fetch(`${server.url}/api/v1${path}`, {
    method: "POST",
    headers: { Connection: "close", "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

test(
  "PROC-9: QR codes and sign-ins of an address are counted once for all processes",
  () =>
    withProcesses(async (server) => {
      const codes = await Promise.all(Array.from({ length: 30 }, () => post(server, "/qr-logins")));
      const processes = codes.map(({ headers }) => headers.get("X-Request-Id")?.replace(/-[^-]*$/, ""));
      expect(new Set(processes).size).toBe(2);
      expect(codes.filter(({ status }) => status === 201).length).toBe(20);
      expect(codes.filter(({ status }) => status === 429).length).toBe(10);

      await signUp(server.url, "ann");
      const wrong = await Promise.all(
        Array.from({ length: 12 }, () => post(server, "/logins", { name: "ann", password: "not the password" })),
      );
      // Five failures of an account and address, and then no more are tried.
      expect(wrong.filter(({ status }) => status === 401).length).toBe(5);
      expect(wrong.filter(({ status }) => status === 429).length).toBe(7);
    }),
  90_000,
);

test(
  "PROC-9: an address that spreads its requests gets about as many as by one process",
  () =>
    withProcesses(async (server) => {
      const began = performance.now();
      let passed = 0;
      for (let round = 0; round < 30; round++) {
        const replies = await Promise.all(
          Array.from({ length: 100 }, () => fetch(`${server.url}/api/v1/me`, { headers: { Connection: "close" } })),
        );
        passed += replies.filter(({ status }) => status === 401).length;
        // Processes tell each other ten times a second: what comes within a second that the machine stands still is a small part.
        await Bun.sleep(150);
      }
      const seconds = (performance.now() - began) / 1000;
      // A burst of 500 and 100 a second, and what was in flight while the other process did not know it yet. Each by itself would let twice as many pass.
      expect(passed).toBeGreaterThanOrEqual(400);
      expect(passed).toBeLessThan(500 + 100 * seconds + 650);
    }),
  90_000,
);
