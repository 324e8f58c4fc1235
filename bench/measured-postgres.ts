import { PostgresServer } from "../packages/server/test/postgres-server.ts";
import { familyNanoseconds } from "./cpu-time.ts";

/** As it is installed, where what matters for speed is concerned. Its processes end with this one. */
const SETTINGS: Readonly<Record<string, string>> = {
  fsync: "on",
  full_page_writes: "on",
  autovacuum: "on",
  shared_buffers: "128MB",
};

/** PostgreSQL on the disk of this machine, which answers a commit when it is there, with a database for each subject. */
export class MeasuredPostgres {
  readonly #server: PostgresServer;

  private constructor(server: PostgresServer) {
    this.#server = server;
  }

  static async start(): Promise<MeasuredPostgres> {
    return new MeasuredPostgres(await PostgresServer.start({ settings: SETTINGS, forRun: true, onDisk: true }));
  }

  /** The address of a new database without tables. */
  newDatabase(): Promise<string> {
    return this.#server.keptDatabase();
  }

  get port(): number {
    return this.#server.port;
  }

  /** Of all its processes, those for upkeep among them, since it began. */
  cpuNanoseconds(): number {
    return familyNanoseconds(this.#server.pids[0] as number);
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}
