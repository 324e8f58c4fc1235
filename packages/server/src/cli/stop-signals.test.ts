import { expect, test } from "bun:test";
import { join } from "node:path";

type Step = [signal: "SIGTERM" | "SIGINT" | "SIGHUP", atMs: number];

/** A process of its own watches; it sends itself the signals, at the times that its clock is set to. */
async function outcome(steps: Step[]): Promise<string[]> {
  const script = `
    import { watchStopSignals } from ${JSON.stringify(join(import.meta.dir, "stop-signals.ts"))};
    let now = 0;
    watchStopSignals({
      clock: { now: () => now },
      onFirst: (signal) => console.log("first", signal),
      onSecond: (signal) => console.log("second", signal),
    });
    for (const [signal, at] of ${JSON.stringify(steps)}) {
      now = at;
      const seen = new Promise((resolve) => process.once(signal, resolve));
      process.kill(process.pid, signal);
      await seen;
    }
    process.exit(0);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const lines = await new Response(child.stdout).text();
  return lines.trim().split("\n");
}

test.each<[string, Step[], string[]]>([
  ["one signal", [["SIGTERM", 0]], ["first SIGTERM"]],
  [
    "two SIGTERM, however close",
    [
      ["SIGTERM", 0],
      ["SIGTERM", 1],
    ],
    ["first SIGTERM", "second SIGTERM"],
  ],
  [
    "one Ctrl-C that arrives twice",
    [
      ["SIGINT", 0],
      ["SIGINT", 99],
    ],
    ["first SIGINT"],
  ],
  [
    "two Ctrl-C",
    [
      ["SIGINT", 0],
      ["SIGINT", 100],
    ],
    ["first SIGINT", "second SIGINT"],
  ],
  [
    "a closed terminal",
    [
      ["SIGHUP", 0],
      ["SIGHUP", 5],
    ],
    ["first SIGHUP"],
  ],
  [
    "different signals",
    [
      ["SIGINT", 0],
      ["SIGTERM", 1],
    ],
    ["first SIGINT", "second SIGTERM"],
  ],
])("%s", async (_, steps, expected) => {
  expect(await outcome(steps)).toEqual(expected);
});
