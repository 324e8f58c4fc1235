import type { Socket } from "node:net";
import type { CompiledQuery, DatabaseConnection, QueryResult } from "kysely";
import { Client, type QueryResult as PgResult, type QueryConfig, types } from "pg";
import { every, withDeadline } from "../../lib/interval.ts";
import { type Cell, isPrepared } from "../prepared.ts";
import { conflictText, type InsertOfRows, isInsertOfRows } from "../rows.ts";
import { ConnectionLost, isBroken } from "./faults.ts";

/** How long a connection may take to be made. */
const CONNECT_MS = 5000;
/**
 * How long an answer may take. PostgreSQL itself ends our statements sooner, so a connection on which nothing comes for this long is dead, even if
 * nobody has closed it.
 */
const ANSWER_MS = 7000;
const LOOK_MS = 500;
/** How long the goodbye may take. */
const GOODBYE_MS = 1000;
/** How often an idle connection sends a keep-alive packet, because routers forget it otherwise. */
const KEEP_ALIVE_MS = 30_000;

/** Names of prepared statements by their texts: one for each query in the code, the same on every connection. */
const NAMES = new Map<string, string>();

/** Types of results (`pg_type`): whole numbers become numbers, and booleans become 1 or 0, as in SQLite. */
const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  16: (text) => (text === "t" ? 1 : 0),
  20: Number,
  1700: Number,
};

/** Types of columns by `table.column`, as the catalog has them. */
export type ColumnTypes = ReadonlyMap<string, string>;

/**
 * A connection to PostgreSQL behind Kysely. Statements are sent at once and answered in order (`pipeline` of pg), so statements that do not wait
 * for each other take one round trip together.
 */
export class PostgresConnection implements DatabaseConnection {
  readonly #client: Client;
  #columnTypes: ColumnTypes = new Map();
  /** Rows changed so far. */
  #changes = 0;
  /** Why the connection is gone. */
  #lost: { readonly why: unknown } | undefined;
  /** How long each outstanding answer may take, in the order in which they come. */
  readonly #owed: number[] = [];
  /** How often something was sent while no answer was outstanding. */
  #roundTrips = 0;
  /** Since when the connection has waited for the first outstanding answer. */
  #owedSince = 0;
  readonly #stopLooking = every(LOOK_MS, () => this.#look());

  readonly #answerMs: number;

  private constructor(client: Client, answerMs: number) {
    this.#client = client;
    this.#answerMs = answerMs;
    // Those who wait for an answer get the error too.
    client.on("error", (error) => this.abandon(error));
    client.on("end", () => this.abandon(new Error("Connection ended")));
  }

  /**
   * @param url with the password
   * @param answerMs how long each answer may take
   * @throws ConnectionLost, or what PostgreSQL says
   */
  static async open(url: string, answerMs = ANSWER_MS): Promise<PostgresConnection> {
    const client = new Client({
      connectionString: verified(url),
      pipeline: true,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      connectionTimeoutMillis: CONNECT_MS,
      types: { getTypeParser: parserOf as typeof types.getTypeParser },
    });
    const connection = new PostgresConnection(client, answerMs);
    try {
      await client.connect();
    } catch (error) {
      connection.abandon(error);
      throw isBroken(error) ? new ConnectionLost("PostgreSQL cannot be reached", { cause: error }) : error;
    }
    return connection;
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** How often something was sent while no answer was outstanding. A slower network costs that many times its delay. */
  get roundTrips(): number {
    return this.#roundTrips;
  }

  /** Rows that this connection has changed so far, including what was rolled back. */
  get changes(): number {
    return this.#changes;
  }

  /** The id of PostgreSQL's process, as the server said when the connection was made; a pooler makes one up. */
  get processId(): number {
    return (this.#client as unknown as { processID: number }).processID;
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    if (isInsertOfRows(query)) return this.#insert(query.insert) as Promise<QueryResult<R>>;
    const { sql, parameters } = query;
    return this.#send({ text: sql, values: parameters as unknown[], ...(isPrepared(query) && { name: nameOf(sql) }) });
  }

  /** Sends a statement without values. @param withinMs how long its answer may take */
  run<R = unknown>(text: string, withinMs = this.#answerMs): Promise<QueryResult<R>> {
    return this.#send({ text }, withinMs);
  }

  /** Commits a transaction. @throws when PostgreSQL rolled it back instead, because a statement had failed */
  async commit(): Promise<void> {
    const { command } = await this.#answer({ text: "commit" });
    if (command !== "COMMIT") throw new Error("the transaction had failed, and was undone");
  }

  // biome-ignore lint/correctness/useYield: Kysely's interface; nothing here reads without an end.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error("streaming is not used; read in pages");
  }

  /** Waits for outstanding answers, but not for long. */
  async close(): Promise<void> {
    const said = this.#client.end().catch(() => {});
    await withDeadline(said, GOODBYE_MS, "no goodbye").catch(() => {});
    this.abandon(new Error("Client was closed"));
  }

  /** Ends the connection at once. It counts as lost, and everything that waits for an answer fails. */
  abandon(why: unknown): void {
    if (this.#lost) return;
    this.#lost = { why };
    this.#stopLooking();
    (this.#client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
  }

  #look(): void {
    const [withinMs] = this.#owed;
    if (withinMs === undefined || performance.now() - this.#owedSince < withinMs) return;
    this.abandon(new Error(`no answer for ${withinMs / 1000} s`));
  }

  async #send<R>(config: QueryConfig, withinMs = this.#answerMs): Promise<QueryResult<R>> {
    const { rows, rowCount, command } = await this.#answer(config, withinMs);
    if (command !== "SELECT") this.#changes += rowCount ?? 0;
    return { rows, numAffectedRows: BigInt(rowCount ?? 0) };
  }

  async #answer(config: QueryConfig, withinMs = this.#answerMs): Promise<PgResult> {
    if (this.#lost) throw this.#loss(this.#lost.why);
    if (this.#owed.push(withinMs) === 1) {
      this.#owedSince = performance.now();
      this.#roundTrips += 1;
    }
    try {
      return await this.#client.query(config);
    } catch (error) {
      if (!isBroken(error)) throw error;
      this.abandon(error);
      throw this.#loss(this.#why ?? error);
    } finally {
      this.#owed.shift();
      this.#owedSince = performance.now();
    }
  }

  get #why(): unknown {
    return this.#lost?.why;
  }

  #loss(why: unknown): ConnectionLost {
    return new ConnectionLost("the connection to PostgreSQL is gone", { cause: why });
  }

  /** Each column is sent as one array. */
  #insert({ table, columns, values, conflict }: InsertOfRows["insert"]): Promise<QueryResult<unknown>> {
    const places = columns.map((column, index) => `$${index + 1}::${this.#columnTypes.get(`${table}.${column}`)}[]`);
    const names = columns.map((column) => `"${column}"`).join(", ");
    const text = `insert into "${table}" (${names}) select * from unnest(${places.join(", ")})${conflictText(conflict)}`;
    const rows = conflict ? lastOfEach(values, keyOf(columns, conflict.key)) : values;
    return this.#send({ text, values: columns.map((_, index) => rows.map((row) => row[index])), name: nameOf(text) });
  }

  /** Called on a connection that inserts rows, once the tables exist. The catalog's own tables answer much sooner than `information_schema`. */
  async readColumnTypes(): Promise<ColumnTypes> {
    const { rows } = await this.run<{ name: string; type: string }>(
      `select relname || '.' || attname as name, format_type(atttypid, null) as type
       from pg_namespace join pg_class on relnamespace = pg_namespace.oid join pg_attribute on attrelid = pg_class.oid
       where nspname = current_schema() and relkind = 'r' and attnum > 0 and not attisdropped`,
    );
    this.#columnTypes = new Map(rows.map(({ name, type }) => [name, type]));
    return this.#columnTypes;
  }
}

/** The driver verifies certificates in these modes too, but prints a long warning that this may change. `verify-full` means the same and prints nothing. */
function verified(url: string): string {
  return url.includes("uselibpqcompat")
    ? url
    : url.replace(/([?&]sslmode=)(?:require|verify-ca)(?=&|$)/, "$1verify-full");
}

function keyOf(columns: readonly string[], key: readonly string[]): number[] {
  return key.map((column) => columns.indexOf(column));
}

/** One statement cannot change a row twice. */
function lastOfEach(values: readonly (readonly Cell[])[], key: readonly number[]): readonly (readonly Cell[])[] {
  const byKey = new Map(values.map((row) => [JSON.stringify(key.map((index) => row[index])), row]));
  return byKey.size === values.length ? values : [...byKey.values()];
}

function nameOf(text: string): string {
  const known = NAMES.get(text);
  if (known !== undefined) return known;
  const name = `p${NAMES.size}`;
  NAMES.set(text, name);
  return name;
}

function parserOf(oid: number, format?: "text" | "binary"): unknown {
  return PARSERS[oid] ?? types.getTypeParser(oid, format as "text");
}
