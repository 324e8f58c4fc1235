/*
 * No test leaves a server behind, even if it fails or is cut by its time limit: what a test started ends with that test,
 * what a file started before its tests ends before the tests of the next file, and what is left then ends with the run.
 * Helpers that start something call `endLater`; tests need not know of it. `end-left-running.ts` calls the rest. This file knows
 * nothing of the test runner, since helpers are also used by programs that tests start.
 */
type End = () => unknown;

/** What runs, and the file for whose tests it was started; undefined if it was started for one test. */
const running = new Map<End, string | undefined>();
/** Tests that are running now: several if they are concurrent. */
let tests = 0;

/** Calls `end` after the current test or, outside a test, after this file's tests. @returns what to call if it has ended before that */
export function endLater(end: End): () => void {
  running.set(end, tests > 0 ? undefined : Bun.main);
  return () => void running.delete(end);
}

export async function testBegins(): Promise<void> {
  tests += 1;
  await endWhat((file) => file !== undefined && file !== Bun.main);
}

export async function testEnded(): Promise<void> {
  tests -= 1;
  if (tests === 0) await endWhat((file) => file === undefined);
}

export function runEnded(): Promise<void> {
  return endWhat(() => true);
}

/** What could not be ended is reported by the test after which it happened. */
async function endWhat(isOver: (file: string | undefined) => boolean): Promise<void> {
  const over = [...running].filter(([, file]) => isOver(file)).map(([end]) => end);
  for (const end of over) running.delete(end);
  const outcomes = await Promise.allSettled(over.map(async (end) => end()));
  const failed = outcomes.filter((outcome) => outcome.status === "rejected");
  if (failed.length > 0) throw new AggregateError(failed.map(({ reason }) => reason));
}
