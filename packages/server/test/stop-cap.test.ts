import { afterEach, expect, test } from "bun:test";
import { STOP_CAP_MS } from "../src/cli/serve.ts";
import { withDeadline } from "../src/lib/interval.ts";
import { uptimeMs } from "../src/lib/uptime.ts";
import { ServerProcess } from "./server-process.ts";

let server: ServerProcess | undefined;
afterEach(() => server?.remove());

/** A server whose writer thread hangs, and whose stop is cut after this time. */
async function start(stopCapMs: number): Promise<ServerProcess> {
  const settings = { LOG_LEVEL: "info", DRAIN_SECONDS: "0", HANGING_STOP_CAP_MS: String(stopCapMs) };
  server = new ServerProcess(settings, { entry: new URL("./hanging/main.ts", import.meta.url).pathname });
  await server.start();
  return server;
}

/** The log lines, without anything else that was printed. */
function lines({ output }: ServerProcess): { msg: string; err?: { message: string } }[] {
  return output.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
}

test("DR-7: a stop of which a part hangs ends at the cap, with code 0 and a line that says so", async () => {
  const server = await start(1500);
  const askedMs = uptimeMs();
  expect(await withDeadline(server.stop(), STOP_CAP_MS - 5000, "the stop was not cut")).toBe(0);
  expect(uptimeMs() - askedMs).toBeGreaterThanOrEqual(1400);
  const [failed, last] = lines(server).slice(-2);
  expect([failed?.msg, failed?.err?.message, last?.msg]).toEqual([
    "stopped with errors",
    "the stop took too long",
    "stopped",
  ]);
}, 40_000);

test("DR-9: a second signal ends a stop that hangs at once, with code 1", async () => {
  const server = await start(60_000);
  server.terminate();
  while (!server.output.includes("stopping; a second signal")) await server.printed();
  process.kill(server.pid, "SIGINT");
  expect(await withDeadline(server.exited(), 20_000, "the process did not end")).toBe(1);
  expect(lines(server).map(({ msg }) => msg)).toEqual(
    expect.arrayContaining(["stopping; a second signal ends it at once", "second signal, ending at once"]),
  );
  expect(lines(server).some(({ msg }) => msg === "stopped")).toBeFalse();
}, 40_000);

test("DR-7: the cap is 25 s, less than the 30 s after which supervisors kill", () => {
  expect(STOP_CAP_MS).toBe(25_000);
});
