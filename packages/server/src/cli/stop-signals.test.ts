import { expect, test } from "bun:test";
import { join } from "node:path";

type Step = [signal: "SIGTERM" | "SIGINT" | "SIGHUP", atMs: number];

/** A process of its own watches; it sends itself the signals, at the times that its clock is set to. */
async function outcome(steps: Step[], { hasTerminal = true } = {}): Promise<string[]> {
  const script = `
    import { watchStopSignals } from ${JSON.stringify(join(import.meta.dir, "stop-signals.ts"))};
    let now = 0;
    watchStopSignals({
      clock: { now: () => now },
      hasTerminal: ${hasTerminal},
      onFirst: (signal) => console.log("first", signal),
      onSecond: (signal) => console.log("second", signal),
    });
    for (const [signal, at] of ${JSON.stringify(steps)}) {
      now = at;
      const seen = new Promise((resolve) => process.once(signal, resolve));
      process.kill(process.pid, signal);
      await seen;
    }
    console.log("end");
    process.exit(0);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const lines = await new Response(child.stdout).text();
  expect(lines).toEndWith("end\n");
  return lines.split("\n").slice(0, -2);
}

test.each<[string, Step[], string[]]>([
  ["one signal", [["SIGTERM", 0]], ["first SIGTERM"]],
  [
    "one SIGTERM that a launcher passes on",
    [
      ["SIGTERM", 0],
      ["SIGTERM", 1],
      ["SIGTERM", 999],
    ],
    ["first SIGTERM"],
  ],
  [
    "two SIGTERM",
    [
      ["SIGTERM", 0],
      ["SIGTERM", 1000],
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
])("DR-9: %s", async (_, steps, expected) => {
  expect(await outcome(steps)).toEqual(expected);
});

test("DR-11: without a terminal SIGHUP neither stops nor counts", async () => {
  const steps: Step[] = [
    ["SIGHUP", 0],
    ["SIGHUP", 5000],
    ["SIGTERM", 5001],
    ["SIGHUP", 9000],
  ];
  expect(await outcome(steps, { hasTerminal: false })).toEqual(["first SIGTERM"]);
});
