/*
 * No test leaves a server behind, even if it fails or is cut by its time limit: what a test started ends with that test,
 * what a file started before its tests ends before the tests of the next file, and what is left then ends with the run,
 * as does what was started for all files.
 * Helpers that start something call `endLater`; tests need not know of it. `end-left-running.ts` calls the rest. This file knows
 * nothing of the test runner, since helpers are also used by programs that tests start.
 */
type End = () => unknown;

/** For which tests something runs: one of them, those of one file, or all. */
type For = "test" | { readonly file: string } | "run";

const running = new Map<End, For>();
/** Tests that are running now: several if they are concurrent. */
let tests = 0;

/** Calls `end` after the current test or, outside a test, after this file's tests. @returns what to call if it has ended before that */
export function endLater(end: End): () => void {
  running.set(end, tests > 0 ? "test" : { file: Bun.main });
  return () => void running.delete(end);
}

/** Calls `end` after all tests of this process. */
export function endWithRun(end: End): () => void {
  running.set(end, "run");
  return () => void running.delete(end);
}

export async function testBegins(): Promise<void> {
  // First: when it fails, no test begins, and none ends.
  await endWhat((its) => typeof its === "object" && its.file !== Bun.main);
  tests += 1;
}

export async function testEnded(): Promise<void> {
  tests = Math.max(0, tests - 1);
  if (tests === 0) await endWhat((its) => its === "test");
}

/** What runs for all tests comes last, since the rest may use it. */
export async function runEnded(): Promise<void> {
  await endWhat((its) => its !== "run");
  await endWhat(() => true);
}

/** What could not be ended is reported by the test after which it happened. */
async function endWhat(isOver: (its: For) => boolean): Promise<void> {
  const over = [...running].filter(([, its]) => isOver(its)).map(([end]) => end);
  for (const end of over) running.delete(end);
  const outcomes = await Promise.allSettled(over.map(async (end) => end()));
  const failed = outcomes.filter((outcome) => outcome.status === "rejected");
  if (failed.length > 0) throw new AggregateError(failed.map(({ reason }) => reason));
}
