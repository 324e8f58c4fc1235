import { Kysely, sql } from "kysely";
import { postgresDialect } from "../src/db/postgres/dialect.ts";
import { PostgresPool } from "../src/db/postgres/driver.ts";
import { openSession } from "../src/db/postgres/session.ts";

/** A step of a migration, as `db/migrations/` has them. */
export type Step = (db: Kysely<unknown>, now: number) => Promise<void>;

/**
 * @returns what a step does to tables that are there already and that a server of the version before would notice, a line each; none means that it only
 * adds. The step is undone.
 */
export async function disturbances(url: string, step: Step): Promise<string[]> {
  const undo = new Error("undone");
  let found: string[] = [];
  const seen = inTransaction(url, async (trx, statements) => {
    const before = await catalogOf(trx);
    statements.length = 0;
    await step(trx, 1);
    const changes = statements.filter((text) => CHANGES_ROWS.test(text));
    found = [...changes.map((text) => `changes rows: ${text}`), ...differences(before, await catalogOf(trx))];
    throw undo;
  });
  await seen.catch((error: unknown) => {
    if (error !== undo) throw error;
  });
  return found;
}

const CHANGES_ROWS = /^(with\b.*\b)?(update|delete|truncate)\b/is;

/** Runs something that stays; `statements` gets the text of each that it has run. */
export async function inTransaction(
  url: string,
  work: (db: Kysely<unknown>, statements: string[]) => Promise<void>,
): Promise<void> {
  const statements: string[] = [];
  const db = new Kysely<unknown>({
    dialect: postgresDialect(() => new PostgresPool(() => openSession(url, "migrate"), { size: 1, begin: "begin" })),
    log: ({ query }) => {
      statements.push(query.sql.trim());
    },
  });
  try {
    await db.transaction().execute((trx) => work(trx, statements));
  } finally {
    await db.destroy();
  }
}

interface Catalog {
  readonly tables: ReadonlyMap<string, string>;
  readonly columns: ReadonlyMap<string, Column>;
  readonly rules: ReadonlyMap<string, string>;
}

interface Column {
  readonly name: string;
  readonly table: string;
  readonly type: string;
  readonly isRequired: 0 | 1;
  readonly filled: string | null;
}

async function catalogOf(db: Kysely<unknown>): Promise<Catalog> {
  const own = sql`relnamespace = current_schema()::regnamespace and relkind = 'r'`;
  const tables = await sql<{ name: string; file: string }>`
    select relname as name, relfilenode::text as file from pg_class where ${own}`.execute(db);
  const columns = await sql<Column>`
    select c.relname || '.' || a.attname as name, c.relname as "table", format_type(a.atttypid, a.atttypmod) as type,
      a.attnotnull as "isRequired", pg_get_expr(d.adbin, d.adrelid) as filled
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where ${own}`.execute(db);
  // Constraints and indexes: what a row must be like, and what is locked against writing while it is built.
  const rules = await sql<{ table: string; rule: string }>`
    select c.relname as "table", 'constraint ' || conname || ' ' || pg_get_constraintdef(k.oid) as rule
    from pg_constraint k join pg_class c on c.oid = k.conrelid where ${own} and contype <> 'n'
    union all select tablename, 'index ' || indexdef from pg_indexes where schemaname = current_schema()
    union all select c.relname, 'trigger ' || pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where ${own} and not tgisinternal`.execute(db);
  return {
    tables: new Map(tables.rows.map(({ name, file }) => [name, file])),
    columns: new Map(columns.rows.map((column) => [column.name, column])),
    rules: new Map(rules.rows.map(({ table, rule }) => [`${table}: ${rule}`, table])),
  };
}

function differences(earlier: Catalog, after: Catalog): string[] {
  const found: string[] = [];
  for (const [name, file] of earlier.tables) {
    if (!after.tables.has(name)) found.push(`table ${name} is gone`);
    else if (after.tables.get(name) !== file) found.push(`table ${name} is written anew, and locked meanwhile`);
  }
  for (const [name, { type, isRequired, filled }] of earlier.columns) {
    const now = after.columns.get(name);
    if (!now) found.push(`column ${name} is gone`);
    else if (now.type !== type) found.push(`column ${name} has another type`);
    else if (now.isRequired > isRequired) found.push(`column ${name} is required now`);
    else if (now.filled !== filled) found.push(`column ${name} is filled in another way`);
  }
  for (const [name, { table, isRequired, filled }] of after.columns) {
    if (earlier.columns.has(name) || !earlier.tables.has(table)) continue;
    if (isRequired === 1 && filled === null)
      found.push(`column ${name} is required, and an older version leaves it out`);
  }
  for (const rule of earlier.rules.keys()) if (!after.rules.has(rule)) found.push(`is gone: ${rule}`);
  for (const [rule, table] of after.rules) {
    if (!earlier.rules.has(rule) && earlier.tables.has(table)) found.push(`is new: ${rule}`);
  }
  return found;
}
