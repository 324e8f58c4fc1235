import { importsOf, type Source } from "./sources.ts";

/** A test that imports this file, through any number of others, has a database of the kind that the run asks for. */
const DATABASE = "packages/server/test/test-database.ts";

/**
 * Tests that have a database and yet prove nothing more on another one, each pattern with the reason. They run on SQLite alone, unless
 * `TEST_DATABASE=postgres npm test -- FILE` asks for one.
 */
export const ONCE: Readonly<Record<string, string>> = {
  "packages/client/**": "a client knows the wire alone",
  "examples/**": "so do the examples",
  "packages/server/test/web-page*": "so does the page, and Chromium takes long to start",
  "{faults,fuzz}/*": "these read what a run begins with; the runs themselves are on both",
  "packages/server/test/{answers-outside,deep-bodies,foreign-pages,hang-up,idle-sockets,keep-alive,origins,slow-bodies}*":
    "sockets and requests before a database is asked",
  "packages/server/test/{gateway-fuzz,gateway-tls,renewed-certificate}*": "the same of live connections",
  "packages/server/test/{gateway-caps,gateway-frames,gateway-liveness,late-sweep}*":
    "how many live connections there are, what they may send, and when they end: nothing of it is stored",
  "packages/server/src/gateway/quiet*": "the same of streams in which nothing happens, for nine seconds",
  "packages/server/src/{http/request-rates,identity/sign-in-limits}*":
    "rates, which are counted in memory; what is stored of known addresses has tests of its own",
  "packages/server/test/{docs-page,dockerfile,document,document-doors,runbook-files,doctor,examined}*":
    "documents, and what they name",
  "packages/server/test/{postgres-*,clusters/*}": "these start their own PostgreSQL, whatever the run is on",
  "rolling/*": "these too",
  "packages/server/src/{db/read-gate,processes/journal-watch}*": "the journal is SQLite's own",
  "packages/server/test/{left-running,private-process,stop-cap}*": "how processes end",
  "packages/server/test/still-log*": "log lines that nobody reads",
};

const isTestFile = (path: string) => path.endsWith(".test.ts");

/** The test files that are to run once more on another database. */
export function databaseTests(sources: readonly Source[]): string[] {
  const once = Object.keys(ONCE).map((pattern) => new Bun.Glob(pattern));
  const importers = importersOf(sources);
  const reached = new Set([DATABASE]);
  for (const path of reached) for (const importer of importers.get(path) ?? []) reached.add(importer);
  return [...reached].filter((path) => isTestFile(path) && !once.some((glob) => glob.match(path))).sort();
}

/** All other test files. */
export function otherTests(sources: readonly Source[]): string[] {
  const here = new Set(databaseTests(sources));
  return sources.map(({ path }) => path).filter((path) => isTestFile(path) && !here.has(path));
}

function importersOf(sources: readonly Source[]): ReadonlyMap<string, string[]> {
  const importers = new Map<string, string[]>();
  for (const file of sources) {
    for (const { target } of importsOf(file)) {
      if (target === undefined) continue;
      const known = importers.get(target);
      if (known) known.push(file.path);
      else importers.set(target, [file.path]);
    }
  }
  return importers;
}
