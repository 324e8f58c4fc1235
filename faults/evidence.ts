import { Database } from "bun:sqlite";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { openRaw, type RawDatabase } from "../packages/server/test/test-database.ts";

type Place = Parameters<typeof openRaw>[0];

const ROWS_AT_ONCE = 10_000;

/**
 * The database as the checker reads it, which is always a file of SQLite: the server's own, or a copy of what PostgreSQL has. So there is one
 * checker for both.
 */
export class Evidence {
  readonly #place: Place;
  readonly #dir: string;
  #copies = 0;

  /** @param dir for copies */
  constructor(place: Place, dir: string) {
    this.#place = place;
    this.#dir = dir;
  }

  /**
   * A copy is of one moment, and stays until the next one is made.
   * @param only the tables that are wanted; a copy has no others
   */
  async file(only?: readonly string[]): Promise<string> {
    if ("file" in this.#place) return this.#place.file;
    rmSync(this.#name, { force: true });
    this.#copies += 1;
    const file = new Database(this.#name);
    const raw = await openRaw(this.#place);
    try {
      await raw.rows("begin isolation level repeatable read read only");
      for (const [table, columns] of await columnsOf(raw)) {
        if (only === undefined || only.includes(table)) await copyTable({ raw, file }, table, columns);
      }
    } finally {
      await raw.close();
      file.close();
    }
    return this.#name;
  }

  get #name(): string {
    return join(this.#dir, `evidence-${this.#copies}.db`);
  }
}

interface Column {
  readonly table: string;
  readonly name: string;
  readonly type: string;
}

/** The columns of each table, in order. */
async function columnsOf({ rows }: RawDatabase): Promise<Map<string, Column[]>> {
  const columns = await rows<Column>(
    `select table_name as "table", column_name as name, case data_type when 'text' then 'text' else 'integer' end as type
     from information_schema.columns where table_schema = current_schema() order by table_name, ordinal_position`,
  );
  return Map.groupBy(columns, ({ table }) => table);
}

async function copyTable(
  { raw, file }: { raw: RawDatabase; file: Database },
  table: string,
  columns: readonly Column[],
): Promise<void> {
  file.run(`create table "${table}" (${columns.map(({ name, type }) => `"${name}" ${type}`)})`);
  const insert = file.query(`insert into "${table}" values (${columns.map(() => "?")})`);
  await raw.rows(`declare copied cursor for select * from "${table}"`);
  for (;;) {
    const rows = await raw.rows<Record<string, string | number | null>>(`fetch ${ROWS_AT_ONCE} from copied`);
    if (rows.length === 0) break;
    file.transaction(() => {
      for (const row of rows) insert.run(...columns.map(({ name }) => row[name] ?? null));
    })();
  }
  await raw.rows("close copied");
}
