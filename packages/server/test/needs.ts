import { existsSync, readdirSync } from "node:fs";
import { readEnv } from "../src/config/env.ts";

/** Where Debian puts servers; only root has it in the path. */
const ALSO_IN = ["/usr/sbin", "/usr/local/sbin"];
/** Where Debian puts PostgreSQL's, each version in a folder of its own; nobody has those in the path. */
const POSTGRES_VERSIONS = "/usr/lib/postgresql";

/** Other names of a program, in the order tried. */
const ALSO_CALLED: Record<string, readonly string[]> = {
  chromium: ["chromium-browser", "google-chrome-stable", "google-chrome"],
};

/**
 * The path of a program that a test needs beside Bun, or undefined with one line that says what is skipped:
 *
 *   const chromium = needs("chromium");
 *   test.skipIf(!chromium)("…", …);
 *
 * With CI set it throws instead, since a test that CI skips never runs.
 */
export function needs(program: string): string | undefined {
  const { PATH = "", CI } = readEnv();
  const path = [PATH, ...ALSO_IN, ...postgresFolders()].join(":");
  for (const name of [program, ...(ALSO_CALLED[program] ?? [])]) {
    const found = Bun.which(name, { PATH: path });
    if (found !== null) return found;
  }
  const message = `${program} is not installed: tests that need it are skipped`;
  if (CI) throw new Error(`${program} is not installed, and CI is set`);
  console.warn(message);
  return undefined;
}

/** The newest version first. */
function postgresFolders(): string[] {
  if (!existsSync(POSTGRES_VERSIONS)) return [];
  const versions = readdirSync(POSTGRES_VERSIONS).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => `${POSTGRES_VERSIONS}/${version}/bin`);
}
