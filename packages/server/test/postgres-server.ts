import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { InTurn } from "../src/lib/in-turn.ts";
import { delay } from "../src/lib/interval.ts";
import { lastingPort } from "./free-port.ts";
import { folderPrefix } from "./left-folders.ts";
import { endLater, endWithRun } from "./left-running.ts";
import { needs } from "./needs.ts";
import { commandAs, PrivateProcess } from "./private-process.ts";

/** Whether tests that need PostgreSQL can run: `test.skipIf(!hasPostgres)`. */
export const hasPostgres = needs("postgres") !== undefined && needs("initdb") !== undefined;

const USER = "parley";
/** PostgreSQL refuses to run as root. */
const ACCOUNT = "postgres";

/** The only connection of a server's own, whose queries run one after another. */
const ADMIN = "admin";

/** A database is a few hundred files, which are made four times as fast in memory. */
const MEMORY = "/dev/shm";
const MEMORY_NEEDED = 2 * 2 ** 30;

/** Settings of an instance that is thrown away: a crash of the machine may lose it, a crash of its processes does not. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  fsync: "off",
  full_page_writes: "off",
  max_connections: "500",
  shared_buffers: "64MB",
  // In its folder, and so removed with it.
  dynamic_shared_memory_type: "mmap",
  // No database lives for long enough.
  autovacuum: "off",
  timezone: "UTC",
};

export interface PostgresOptions {
  /** Settings of the instance beside or instead of those above. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Begins as a standby of this one, whose changes it gets all the time. */
  readonly standbyOf?: PostgresServer;
  /** It has a small disk besides, of so many MiB, at `disk`; only for root. */
  readonly diskMiB?: number;
  /** For all tests of this process, and not for the current one or its file. */
  readonly forRun?: boolean;
  /** Its files are on the disk, where the folder for temporary files is. By default they are in memory, if there is room. */
  readonly onDisk?: boolean;
}

/** A template and what fills it, once: the databases made from it begin with that. */
export interface Template {
  readonly name: string;
  fill(url: string): Promise<void>;
}

/**
 * A private instance of PostgreSQL on a free port of this machine, with its files in a temporary folder, both gone at the end. It asks for no
 * password. It can be killed and started again, on the same port and data.
 */
export class PostgresServer {
  readonly port = lastingPort();
  readonly #dir: string;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #diskMiB: number | undefined;
  readonly #ended: () => void;
  readonly #templates = new Map<string, Promise<void>>();
  readonly #queries = new InTurn<typeof ADMIN>();
  #process: PrivateProcess | undefined;
  #admin: Client | undefined;
  #databases = 0;
  #isStopping = false;

  private constructor({ settings = {}, forRun = false, onDisk = false, diskMiB }: PostgresOptions) {
    this.#dir = mkdtempSync(folderPrefix(onDisk ? tmpdir() : fastFolder(), "parley-postgres"));
    this.#diskMiB = diskMiB;
    this.#settings = { ...SETTINGS, ...settings };
    this.#ended = (forRun ? endWithRun : endLater)(() => this.stop());
  }

  /** Resolves when it accepts connections. */
  static async start(options: PostgresOptions = {}): Promise<PostgresServer> {
    const server = new PostgresServer(options);
    try {
      if (options.standbyOf) server.#copy(options.standbyOf);
      else server.#makeCluster();
      await server.startAgain();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** The address of one of its databases. */
  url(database = "postgres"): string {
    return `postgres://${USER}@127.0.0.1:${this.port}/${database}`;
  }

  /** The address of a new database, which is dropped at the end of the test or of its file. It is empty unless made from a template. */
  async freshDatabase(template?: Template): Promise<string> {
    const url = await this.keptDatabase(template);
    endLater(() => this.drop(url));
    return url;
  }

  /** The same, which stays until somebody drops it. */
  async keptDatabase(template?: Template): Promise<string> {
    if (template) await this.#filled(template);
    this.#databases += 1;
    const name = `test_${this.#databases}`;
    await this.query(
      `create database ${name} template ${template ? `template_${template.name}` : "template0"} strategy file_copy`,
    );
    return this.url(name);
  }

  /** Drops a database, and ends whoever is connected to it. */
  async drop(url: string): Promise<void> {
    const name = new URL(url).pathname.slice(1);
    // With the instance its databases go, too.
    if (!this.isRunning || this.#isStopping) return;
    await this.query(`drop database if exists ${name} with (force)`).catch((error: unknown) => {
      if (!this.#isStopping) throw error;
    });
  }

  /** Runs SQL as its superuser, in the database `postgres`. @returns the rows */
  query<Row extends Record<string, unknown>>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return this.#queries.run(ADMIN, () => this.#query<Row>(sql, values));
  }

  async #query<Row extends Record<string, unknown>>(sql: string, values: unknown[]): Promise<Row[]> {
    if (!this.#admin) {
      const admin = await connected(this.url());
      admin.once("end", () => {
        if (this.#admin === admin) this.#admin = undefined;
      });
      this.#admin = admin;
    }
    return (await this.#admin.query<Row>(sql, values)).rows;
  }

  /** Its processes, for those who measure it. */
  get pids(): number[] {
    return this.#process?.pids ?? [];
  }

  get isRunning(): boolean {
    return this.#process !== undefined && !this.#process.hasEnded;
  }

  /** SIGKILL to all its processes, as when the machine runs out of memory. */
  async kill(): Promise<void> {
    this.#admin = undefined;
    await this.#process?.kill();
  }

  /** The immediate shutdown: it cuts all connections, and recovers at its next start. */
  async stopImmediately(): Promise<void> {
    this.#admin = undefined;
    await this.#process?.end("SIGQUIT");
  }

  /** All its processes stand still until `resume`; connections stay open. */
  freeze(): void {
    this.#process?.freeze();
  }

  resume(): void {
    this.#process?.resume();
  }

  /**
   * On the same port and data. Resolves when it accepts connections, which may take a recovery.
   * @param options.asStandby it only reads, until `select pg_promote()`
   */
  async startAgain(options: { asStandby?: boolean } = {}): Promise<void> {
    if (options.asStandby) writeFileSync(join(this.#dir, "data", "standby.signal"), "");
    const settings = Object.entries({ ...this.#settings, port: String(this.port) });
    const given = settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const program = [needs("postgres") as string, "-D", join(this.#dir, "data"), ...given];
    this.#process = this.#diskMiB
      ? new PrivateProcess(this.#withDisk(program, this.#diskMiB), { log: this.#log, atDeath: "SIGQUIT" })
      : new PrivateProcess(program, { as: ACCOUNT, log: this.#log, atDeath: "SIGQUIT" });
    const deadline = performance.now() + 30_000;
    for (;;) {
      try {
        await (await connected(this.url())).end();
        return;
      } catch (error) {
        if (!this.isRunning || performance.now() > deadline)
          throw new Error(`PostgreSQL did not start; it said:\n${readFileSync(this.#log, "utf8")}`, { cause: error });
        await delay(20);
      }
    }
  }

  /** From now on it takes connections with TLS, and, except in the database `postgres`, no others. */
  async speakTls(files: { cert: string; key: string }): Promise<void> {
    const data = join(this.#dir, "data");
    for (const [name, from] of [
      ["server.crt", files.cert],
      ["server.key", files.key],
    ] as const) {
      writeFileSync(join(data, name), readFileSync(from), { mode: 0o600 });
      if (process.getuid?.() === 0) chownSync(join(data, name), ...idsOf(ACCOUNT));
    }
    await this.query("alter system set ssl = on");
    const file = join(data, "pg_hba.conf");
    writeFileSync(
      file,
      `host postgres all 127.0.0.1/32 trust\nhostnossl all all 127.0.0.1/32 reject\n${readFileSync(file, "utf8")}`,
    );
    await this.query("select pg_reload_conf()");
  }

  /** From now on these users need their passwords. */
  async requirePasswords(users: readonly string[]): Promise<void> {
    const file = join(this.#dir, "data", "pg_hba.conf");
    const lines = users.map((user) => `host all ${user} 127.0.0.1/32 scram-sha-256\n`);
    writeFileSync(file, lines.join("") + readFileSync(file, "utf8"));
    await this.query("select pg_reload_conf()");
  }

  /** A standby gets nothing more of its primary. */
  async stopFollowing(): Promise<void> {
    await this.query("alter system set primary_conninfo = ''");
    await this.query("select pg_reload_conf()");
    while ((await this.query("select 1 from pg_stat_wal_receiver")).length > 0) await delay(20);
  }

  /** A standby has everything that its primary has. */
  async caughtUpWith(primary: PostgresServer): Promise<void> {
    const [row] = await primary.query<{ lsn: string }>("select pg_current_wal_lsn()::text as lsn");
    const isThere = "select pg_last_wal_replay_lsn() >= $1::pg_lsn as yes";
    while ((await this.query(isThere, [row?.lsn]))[0]?.yes !== true) await delay(20);
  }

  /** A standby becomes a primary. */
  async promote(): Promise<void> {
    await this.query("select pg_promote()");
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#ended();
    this.#admin = undefined;
    // A server that is killed leaves shared memory behind, which counts against a limit of the whole machine.
    this.#process?.resume();
    await this.#process?.endOrKill("SIGQUIT");
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get #log(): string {
    return join(this.#dir, "log");
  }

  /** The small disk, for SQL. */
  get disk(): string {
    return join(this.#dir, "disk");
  }

  /** The same, for the test: only PostgreSQL sees the disk. */
  get diskFromHere(): string {
    return join(`/proc/${this.#process?.pid}/root`, this.disk);
  }

  #withDisk(program: readonly string[], mib: number): string[] {
    mkdirSync(this.disk, { recursive: true });
    const mount = `mount -t tmpfs -o size=${mib}m,uid=${ACCOUNT},mode=700 tmpfs "$0" && exec "$@"`;
    const asAccount = commandAs(ACCOUNT, program, ["--pdeathsig", "QUIT"]);
    return ["unshare", "-m", "sh", "-c", mount, this.disk, ...asAccount];
  }

  #makeCluster(): void {
    if (process.getuid?.() === 0) chownSync(this.#dir, ...idsOf(ACCOUNT));
    const options = ["--no-sync", "--auth=trust", `--username=${USER}`, "--encoding=UTF8", "--locale=C"];
    const initdb = [needs("initdb") as string, "-D", join(this.#dir, "data"), ...options];
    const made = Bun.spawnSync(commandAs(ACCOUNT, initdb));
    if (made.exitCode !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  }

  #copy(primary: PostgresServer): void {
    if (process.getuid?.() === 0) chownSync(this.#dir, ...idsOf(ACCOUNT));
    const options = ["--write-recovery-conf", "--no-sync", "--checkpoint=fast", "--dbname", primary.url()];
    const copy = [needs("pg_basebackup") as string, "-D", join(this.#dir, "data"), ...options];
    const made = Bun.spawnSync(commandAs(ACCOUNT, copy));
    if (made.exitCode !== 0) throw new Error(`pg_basebackup failed: ${made.stderr}`);
  }

  #filled({ name, fill }: Template): Promise<void> {
    const known = this.#templates.get(name);
    if (known) return known;
    const filling = (async () => {
      await this.query(`create database template_${name} template template0`);
      await fill(this.url(`template_${name}`));
    })();
    this.#templates.set(name, filling);
    return filling;
  }
}

/** The instance that the tests of this process share. It starts at the first call; whoever stops it breaks the other tests. */
export async function sharedPostgres(): Promise<PostgresServer> {
  // The test runner kills what a test has started that exceeds its time limit.
  if (shared && !(await shared).isRunning) shared = undefined;
  shared ??= PostgresServer.start({ forRun: true });
  return shared;
}
let shared: Promise<PostgresServer> | undefined;

function fastFolder(): string {
  if (!existsSync(MEMORY)) return tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize >= MEMORY_NEEDED ? MEMORY : tmpdir();
}

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  // Otherwise the end of the server would be the end of this process.
  client.on("error", () => {});
  await client.connect();
  return client;
}

function idsOf(user: string): [uid: number, gid: number] {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((line) => line.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`there is no user ${user}`);
  return [Number(uid), Number(gid)];
}
