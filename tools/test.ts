import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { readEnv } from "../packages/server/src/config/env.ts";
import { needs } from "../packages/server/test/needs.ts";
import { databaseTests, otherTests } from "./database-tests.ts";
import { ROOT, readSources } from "./sources.ts";

/**
 * `npm test`: all tests on SQLite, and those that have a database once more on PostgreSQL (`database-tests.ts` says which). What follows
 * `--` goes to the test runner, as in `npm test -- packages/server/test/kill.test.ts`. With TEST_DATABASE=sqlite or TEST_DATABASE=postgres there is
 * one run alone, of all tests.
 */

/**
 * How long a test or a hook may take, where it says nothing else, in milliseconds. This ends what hangs and measures nothing: a machine that has much else to
 * do may stand still for seconds.
 */
const LIMIT_MS = 20_000;

/** The tests on PostgreSQL run in so many parts, each by the line that is free. */
const PARTS = 8;

/**
 * What waits more than it works: real services, browsers, several processes. If all tests are to run, these run beside the others, and so do those on
 * PostgreSQL, with which every line goes on. What the second line and the third say is shown at the end.
 */
const BESIDE = [
  "examples/**",
  "packages/client/test/{base-path,browser,many-windows,presence,slow-lines,tabs}*",
  "packages/server/src/{bus,redis}/**",
  "packages/server/test/{postgres,processes,web-page}*",
  "packages/server/test/{clusters,nodes}/**",
  "rolling/**",
].map((pattern) => new Bun.Glob(pattern));

type Kind = "sqlite" | "postgres";
const NAMES: Readonly<Record<Kind, string>> = { sqlite: "SQLite", postgres: "PostgreSQL" };

const args = Bun.argv.slice(2);
const asked = readEnv().TEST_DATABASE;
if (asked === "sqlite" || asked === "postgres") process.exit(await started(asked));
if (asked !== undefined) {
  console.error(`TEST_DATABASE is ${asked}, wanted sqlite or postgres`);
  process.exit(2);
}

const sources = await readSources();
if (!concerns(databaseTests(sources))) process.exit(await started("sqlite"));
const left = otherTests(sources).map((path) => `--path-ignore-patterns=${path}`);
const second = async () => {
  return hasPostgres() ? started("postgres", { options: ["--pass-with-no-tests", ...left] }) : 0;
};
const codes = args.length > 0 ? [await started("sqlite"), await second()] : await sideBySide();
process.exit(codes.find((code) => code !== 0) ?? 0);

/** All tests, in three lines of runs. */
async function sideBySide(): Promise<number[]> {
  const beside = sources
    .map(({ path }) => path)
    .filter((path) => path.endsWith(".test.ts") && BESIDE.some((glob) => glob.match(path)));
  const folder = mkdtempSync(join(tmpdir(), "parley-test-output-"));
  const files = ["beside", "postgres"].map((name) => join(folder, name));
  const [besideOutput, postgresOutput] = files.map((file) => openSync(file, "w")) as [number, number];
  try {
    const parts = hasPostgres() ? partsOf(databaseTests(sources)) : [];
    const rest = async (output?: number) => {
      const codes: number[] = [];
      for (let paths = parts.shift(); paths; paths = parts.shift()) {
        codes.push(await started("postgres", { paths, output }));
      }
      return codes;
    };
    const line = async (first: Run) => [await started("sqlite", first), ...(await rest(first.output))];
    const options = beside.map((path) => `--path-ignore-patterns=${path}`);
    const codes = await Promise.all([
      line({ options }),
      line({ paths: beside.map((path) => `./${path}`), output: besideOutput }),
      rest(postgresOutput),
    ]);
    // All of it, before this process ends.
    for (const file of files) await Bun.write(Bun.stdout, readFileSync(file));
    return codes.flat();
  } finally {
    for (const output of [besideOutput, postgresOutput]) closeSync(output);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Neighbours go to different parts, since those of one folder take about the same time. */
function partsOf(paths: readonly string[]): string[][] {
  const parts = Array.from({ length: PARTS }, (): string[] => []);
  for (const [index, path] of paths.entries()) parts[index % PARTS]?.push(`./${path}`);
  return parts;
}

/** Whether any of these files is among those that were asked for. */
function concerns(paths: readonly string[]): boolean {
  const named = args.filter((arg) => !arg.startsWith("-") && existsSync(arg)).map((arg) => normalize(arg));
  return named.length === 0 || paths.some((path) => named.some((one) => path.startsWith(one)));
}

/** If not, it is said in one line, and if CI is set it is a failure, as for every program that tests need. */
function hasPostgres(): boolean {
  try {
    return needs("postgres") !== undefined && needs("initdb") !== undefined;
  } catch (error) {
    console.error((error as Error).message);
    process.exit(1);
  }
}

interface Run {
  readonly options?: readonly string[];
  readonly paths?: readonly string[];
  /** A file that gets what it says, in place of this process's own output. */
  readonly output?: number | undefined;
}

/** @returns the code with which the test runner ended */
async function started(kind: Kind, { options = [], paths = [], output }: Run = {}): Promise<number> {
  const said = `tests on ${NAMES[kind]}:`;
  if (output === undefined) console.log(said);
  else writeSync(output, `${said}\n`);
  const run = Bun.spawn(
    [process.execPath, "--no-orphans", "test", `--timeout=${LIMIT_MS}`, ...options, ...paths, ...args],
    {
      cwd: ROOT,
      env: { ...readEnv(), TEST_DATABASE: kind },
      stdio: ["inherit", output ?? "inherit", output ?? "inherit"],
    },
  );
  const pass = (signal: NodeJS.Signals) => void run.kill(signal);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, pass);
  return run.exited;
}
