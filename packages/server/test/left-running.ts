/*
 * No test leaves a server behind, also one that fails or is cut by its time limit. `bunfig.toml` loads this file before all
 * tests, so its hooks hold for every file: what a test started ends with that test, what a file started before its tests
 * ends before the tests of the next file, and what is left then ends with the run. Helpers that start something call
 * `endLater`; tests need not know of it.
 */
import { afterAll, afterEach, beforeEach } from "bun:test";

type End = () => unknown;

/** What runs, and the file for whose tests it was started; undefined: for one test. */
const running = new Map<End, string | undefined>();
/** Tests that run now: several where they are concurrent. */
let tests = 0;

/** `end` is called when the test that runs now has ended, or else this file's tests have. Returns what to call when it has ended before. */
export function endLater(end: End): () => void {
  running.set(end, tests > 0 ? undefined : Bun.main);
  return () => void running.delete(end);
}

/** What of it could not be ended is said by the test after which it happened. */
async function endWhat(isOver: (file: string | undefined) => boolean): Promise<void> {
  const over = [...running].filter(([, file]) => isOver(file)).map(([end]) => end);
  for (const end of over) running.delete(end);
  const failed = (await Promise.allSettled(over.map(async (end) => end()))).filter(
    ({ status }) => status === "rejected",
  );
  if (failed.length > 0) throw new AggregateError(failed.map((one) => (one as PromiseRejectedResult).reason));
}

beforeEach(async () => {
  tests += 1;
  await endWhat((file) => file !== undefined && file !== Bun.main);
});

afterEach(async () => {
  tests -= 1;
  if (tests === 0) await endWhat((file) => file === undefined);
});

afterAll(() => endWhat(() => true));
