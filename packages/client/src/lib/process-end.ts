type Process = { once?(event: "beforeExit", run: () => void): void } | undefined;

const waiting = new Set<() => void>();
let listens = false;

/**
 * Calls back when the process has nothing more to do and is about to end, in Node and Bun; pages never do.
 * @returns what takes the call back
 */
export function onProcessEnd(run: () => void): () => void {
  waiting.add(run);
  if (!listens) {
    listens = true;
    // Found by its name on the global object, so that no bundler puts a library in its place.
    (globalThis as { process?: Process }).process?.once?.("beforeExit", () => {
      listens = false;
      for (const one of [...waiting]) one();
    });
  }
  return () => void waiting.delete(run);
}
