import { readEnv } from "../src/config/env.ts";

/** Other names a program goes by, in the order tried. */
const ALSO_CALLED: Record<string, readonly string[]> = {
  chromium: ["chromium-browser", "google-chrome-stable", "google-chrome"],
};

/**
 * The path of a program that a test needs beside Bun, or undefined with one line that says what is skipped:
 *
 *   const chromium = needs("chromium");
 *   test.skipIf(!chromium)("…", …);
 *
 * With CI set it throws instead, since a test that never runs there never runs.
 */
export function needs(program: string): string | undefined {
  for (const name of [program, ...(ALSO_CALLED[program] ?? [])]) {
    const path = Bun.which(name);
    if (path !== null) return path;
  }
  const message = `${program} is not installed: tests that need it are skipped`;
  if (readEnv().CI) throw new Error(`${program} is not installed, and CI is set`);
  console.warn(message);
  return undefined;
}
