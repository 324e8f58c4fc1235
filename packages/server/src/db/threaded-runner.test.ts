import { afterEach, expect, test } from "bun:test";
import { nextTurn, withDeadline } from "../lib/interval.ts";
import { ThreadedRunner } from "./threaded-runner.ts";

const RealWorker = globalThis.Worker;
afterEach(() => {
  globalThis.Worker = RealWorker;
});

/** A runner of a thread that runs this text instead of the writer; `gone` resolves when the thread has ended. */
function runnerOf(text: string) {
  const deaths: string[] = [];
  const gone = Promise.withResolvers<void>();
  globalThis.Worker = class extends RealWorker {
    constructor(url: string | URL) {
      super(url);
      this.addEventListener("close", () => gone.resolve());
    }
  };
  const entry = new URL(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  const runner = new ThreadedRunner({ entry, onDeath: ({ message }) => void deaths.push(message) });
  const ended = async () => {
    await withDeadline(gone.promise, 15_000, "the thread did not end");
    await nextTurn();
  };
  return { runner, deaths, ended };
}

for (const [how, text, message] of [
  ["ends", "self.onmessage = () => process.exit(0);", "the writer thread ended"],
  ["fails", "self.onmessage = () => { throw new Error('broken'); };", "broken"],
] as const) {
  test(`that a thread ${how} by itself is told once, since nothing is answered any more`, async () => {
    const { runner, deaths, ended } = runnerOf(text);
    void runner.run([]);
    await ended();
    expect(deaths).toEqual([expect.stringContaining(message)]);
  }, 20_000);
}

test("a thread that was closed has not died", async () => {
  const { runner, deaths, ended } = runnerOf("self.onmessage = () => postMessage(JSON.stringify({ closed: true }));");
  await withDeadline(runner.close(), 15_000, "it was not closed");
  await ended();
  expect(deaths).toEqual([]);
}, 20_000);
