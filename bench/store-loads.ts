import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BenchOptions } from "./benchmark.ts";
import { heading, type Loaded, type LoadSample, loadTable, overHttp, turnsOf } from "./loads.ts";
import { compile } from "./native.ts";
import { takeTurns } from "./rounds.ts";
import type { SeedWish } from "./seed.ts";
import { type Store, type StoreKind, Stores } from "./stores.ts";

const IN_FLIGHT = [64, 256] as const;

/** What `--only` takes. Beside each is the server on SQLite. */
const PARTS: Readonly<Record<string, readonly StoreKind[]>> = {
  sqlite: [],
  alone: ["PostgreSQL"],
  "two-nodes": ["PostgreSQL, two nodes"],
  "slow-line": ["PostgreSQL, 1 ms"],
};

/** What a benchmark asks of every store. */
export interface StoreLoad {
  readonly name: string;
  /** What one request is. */
  readonly each: string;
  /** Requests in a turn, and in the first one, which does not count. */
  readonly requests: number;
  readonly warmUp: number;
  readonly wish: SeedWish;
  /** The path of all requests or "@" and a file of them, as the load program takes it. */
  what(store: Store): string | Promise<string>;
  /** What is measured beside this store, by its name in the table. */
  references?(parts: ReferenceParts): Promise<Readonly<Record<string, Loaded>>>;
}

export interface ReferenceParts {
  readonly store: Store;
  readonly stores: Stores;
  readonly folder: string;
  /** The load program. */
  readonly load: string;
  readonly what: string;
}

/** Loads the server on each kind of store, by turns, and prints what a request takes on each. */
export async function loadStores(of: StoreLoad, { rounds, only }: BenchOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "parley-bench-"));
  try {
    await using stores = new Stores(folder);
    const load = await compile("http-load", folder);
    const subjects: Record<string, Loaded> = {};
    for (const kind of kindsOf(only)) {
      const store = await stores.open(kind, of.wish);
      const what = await of.what(store);
      for (const inFlight of IN_FLIGHT) {
        const warmUp = inFlight === IN_FLIGHT[0] ? of.warmUp : of.requests;
        subjects[`${kind}, ${inFlight}`] = overHttp(store, { load, inFlight, what, warmUp });
      }
      Object.assign(subjects, await of.references?.({ store, stores, folder, load, what }));
    }
    const turns = Object.entries(subjects).map(([name, subject]) => [name, turnsOf(subject, of.requests)]);
    const measured = await takeTurns<string, LoadSample>(Object.fromEntries(turns), rounds);
    console.log(heading(of.name, { rounds, requests: of.requests }));
    console.log(loadTable(measured, { each: of.each, referenceOf: onSqlite }));
    console.log("\nThe number is how many are in flight, at two nodes together.");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The stores of a part, or of all, the reference first. */
function kindsOf(only: string | undefined): StoreKind[] {
  if (only !== undefined && !PARTS[only]) throw new Error(`--only is one of: ${Object.keys(PARTS).join(", ")}`);
  return ["SQLite", ...Object.entries(PARTS).flatMap(([part, kinds]) => ((only ?? part) === part ? kinds : []))];
}

/** The server on SQLite under the same load. */
function onSqlite(subject: string): string {
  return subject.endsWith(", 256") ? "SQLite, 256" : "SQLite, 64";
}
