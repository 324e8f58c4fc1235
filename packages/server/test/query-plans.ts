import { type CompiledQuery, sql } from "kysely";
import { type DatabasePlace, openReader, type ReadDatabase } from "../src/db/open.ts";
import { isInsertOfRows } from "../src/db/rows.ts";
import { withRaw } from "./test-database.ts";

/** How a statement comes to rows of one table. */
export interface Step {
  /** By the name that the statement gives it. */
  readonly table: string;
  /** Undefined: the rows themselves are read, on SQLite also by their number. */
  readonly index: string | undefined;
  /** Columns whose values bound what is read, in the order of the index; with none all of it is read. */
  readonly by: readonly string[];
}

export interface Plan {
  readonly sql: string;
  readonly steps: readonly Step[];
}

/** Pieces of a plan that are not tables: bound values, and what a part of the statement has found. */
const NO_TABLE = /^(json_each|CONSTANT|asked|looked|\()/;

/**
 * How the database runs these statements, where tables are large. Statements that are not about rows are left out, and so are rows to insert,
 * whose places their keys say.
 */
export async function plansOf(place: DatabasePlace, queries: readonly CompiledQuery[]): Promise<Plan[]> {
  const ofRows = queries.filter(
    (query) => !isInsertOfRows(query) && /^\s*(select|insert|update|delete|with)/i.test(query.sql),
  );
  if ("url" in place) await withRaw(place, (raw) => raw.rows(LARGE));
  const stepsOf = "url" in place ? stepsOnPostgres : stepsOnSqlite;
  const db = openReader(place);
  try {
    return await db.connection().execute(async (connection) => {
      if ("url" in place) for (const way of FULL_JOINS) await sql.raw(`set enable_${way} = off`).execute(connection);
      const plans: Plan[] = [];
      for (const query of ofRows) plans.push({ sql: query.sql, steps: await stepsOf(connection, query) });
      return plans;
    });
  } finally {
    await db.destroy();
  }
}

/** Has PostgreSQL believe that each table with a row has a million, since of a small table it reads all. An empty one it takes for one of ten pages. */
const LARGE = `update pg_class set relpages = 1, reltuples = 1000000
  where relnamespace = current_schema()::regnamespace and relkind = 'r' and pg_relation_size(oid) > 0`;

async function stepsOnSqlite(db: ReadDatabase, { sql: text, parameters }: CompiledQuery): Promise<Step[]> {
  const explain = { sql: `explain query plan ${text}`, parameters } as unknown as CompiledQuery<{ detail: string }>;
  return (await db.executeQuery(explain)).rows.flatMap(({ detail }) => stepOfDetail(detail));
}

/** Ways to join that read all of a table. Without statistics of the tables PostgreSQL takes them for as good as others. */
const FULL_JOINS = ["hashjoin", "mergejoin"];

async function stepsOnPostgres(db: ReadDatabase, { sql: text, parameters }: CompiledQuery): Promise<Step[]> {
  const explain = { sql: `explain (format json) ${text}`, parameters } as unknown as CompiledQuery<Explained>;
  return (await db.executeQuery(explain)).rows.flatMap((row) => stepsOfNode(row["QUERY PLAN"][0].Plan));
}

/** Those that read all of a table or of an index. */
export function fullReads(plans: readonly Plan[]): Plan[] {
  return plans
    .map(({ sql, steps }) => ({ sql, steps: steps.filter(({ by }) => by.length === 0) }))
    .filter(({ steps }) => steps.length > 0);
}

/** One line of SQLite's `explain query plan`, such as "SEARCH messages USING COVERING INDEX messages_shown (room_id=? AND seq>?)". */
function stepOfDetail(detail: string): Step[] {
  const [, table = "", rest = ""] = /^(?:SCAN|SEARCH) (\S+)(.*)$/.exec(detail) ?? [];
  if (table === "" || NO_TABLE.test(table)) return [];
  const index = /INDEX (\w+)/.exec(rest)?.[1];
  const [, bounds = ""] = /\(([^)]*[=<>][^)]*)\)/.exec(rest) ?? [];
  return [
    { table, index, by: [...new Set([...bounds.matchAll(/(\w+)[=<>]/g)].map(([, column]) => column as string))] },
  ];
}

interface Explained {
  readonly "QUERY PLAN": readonly [{ readonly Plan: Node }];
}

/** What PostgreSQL's `explain (format json)` says of one step. */
interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly Alias?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly Plans?: readonly Node[];
}

/** @param alias of the table of which a bitmap is made, which the step above has */
function stepsOfNode(node: Node, alias?: string): Step[] {
  const below = (node.Plans ?? []).flatMap((inner) => stepsOfNode(inner, node.Alias ?? alias));
  const { "Node Type": type, "Index Name": index, "Index Cond": cond = "" } = node;
  // A name that the statement gives twice gets a number.
  const table = (node.Alias ?? alias ?? "").replace(/_\d+$/, "");
  if (type === "Seq Scan") return [{ table, index: undefined, by: [] }, ...below];
  if (index === undefined) return below;
  const by = [...cond.matchAll(/\(+(?:"?\w+"?\.)?"?(\w+)"? (?:[=<>]+|IS NULL)/g)].map(([, column]) => column as string);
  return [{ table, index, by: [...new Set(by)] }, ...below];
}
