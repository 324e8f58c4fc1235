/** Several processes whose supervisor stands still: what its workers have to ask it is refused in time, and the rest goes on. */
import { expect, test } from "bun:test";
import { ApiClient } from "./api-client.ts";
import { PASSWORD, signUp } from "./harness.ts";
import { SeveralProcesses } from "./several-processes.ts";
import { until } from "./webhook-receiver.ts";

const NAME = "ann";
/** More than an address may try in ten minutes. */
const TRIES = 25;

test("PROC-9: while the supervisor stands still, sign-ins are refused in time and count nowhere, and so is what it is asked of the machine", async () => {
  const server = new SeveralProcesses({ RATE_LIMITS: "on" });
  try {
    await server.start();
    const { token } = await signUp(server.url, NAME);
    const api = new ApiClient(server.url);
    const signIn = () => api.call("POST", "/logins", { name: NAME, password: PASSWORD }, { Connection: "close" });
    expect((await signIn()).status).toBe(201);
    process.kill(server.pid, "SIGSTOP");
    const begun = performance.now();
    const replies = Promise.all(Array.from({ length: TRIES }, signIn));
    const metrics = fetch(`${server.url}/metrics`, { headers: { Connection: "close" } });
    const answered = await Promise.race([Promise.all([replies, metrics]), Bun.sleep(15_000)]);
    const tookMs = performance.now() - begun;
    process.kill(server.pid, "SIGCONT");
    if (!answered) throw new Error("nothing was answered");
    const [refused, page] = answered;
    for (const { status, body, headers } of refused) {
      expect({ status, code: (body as { code: string }).code }).toEqual({ status: 503, code: "overloaded" });
      expect(headers.get("Retry-After")).toBe("1");
    }
    expect(page.status).toBe(503);
    expect(tookMs).toBeGreaterThan(1900);
    // All of them together, and not one after another: they would take a minute.
    expect(tookMs).toBeLessThan(12_000);
    await until("sign-ins work again", async () => (await signIn()).status === 201);
    expect((await new ApiClient(server.url, token).call("GET", "/me")).status).toBe(200);
  } finally {
    await server.remove();
  }
}, 60_000);
