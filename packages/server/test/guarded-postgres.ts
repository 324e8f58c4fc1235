import { lastingPort } from "./free-port.ts";
import { PostgresServer } from "./postgres-server.ts";
import { withRaw } from "./test-database.ts";

/** The password of the user `guarded`. */
export const SECRET = "very-secret-7";

interface Address {
  readonly port?: number;
  readonly database?: string;
  readonly query?: string;
  readonly host?: string;
}

/** A PostgreSQL that cannot be used in many ways: one of its users needs a password, and another one may do nothing. */
export class GuardedPostgres {
  readonly server: PostgresServer;

  private constructor(server: PostgresServer) {
    this.server = server;
  }

  static async start(): Promise<GuardedPostgres> {
    const server = await PostgresServer.start({ settings: { password_encryption: "scram-sha-256" } });
    await server.query(`create role guarded login password '${SECRET}'`);
    await server.query("create role guest login");
    await server.requirePasswords(["guarded"]);
    return new GuardedPostgres(server);
  }

  /** @param user with a password, if there is one; wrong ones hold the word `secret`, so that a test sees whether they are shown */
  at(user: string, { port = this.server.port, database = "postgres", query = "", host = "127.0.0.1" }: Address = {}) {
    return `postgres://${user}@${host}:${port}/${database}${query}`;
  }

  async withEncoding(encoding: string): Promise<string> {
    const database = encoding.toLowerCase();
    await this.server.query(`create database ${database} encoding '${encoding}' template template0`);
    return this.at("parley:wrong-secret-8", { database });
  }

  /** Of a user who may not make tables there. */
  async ofAnother(): Promise<string> {
    await this.server.query("create database owned template template0");
    return this.at("guest:wrong-secret-8", { database: "owned" });
  }

  async ofAnotherProgram(): Promise<string> {
    await this.server.query("create database taken template template0");
    const url = this.at("parley:wrong-secret-8", { database: "taken" });
    await withRaw({ url }, (raw) => raw.rows("create table of_another (id bigint)"));
    return url;
  }
}

/** Addresses at which no installation can begin, and what is said of each. @param setting where the address was given */
export function unusable(
  postgres: () => GuardedPostgres,
  setting: string,
): [what: string, url: () => string | Promise<string>, says: string][] {
  const at = (user: string, more?: Address) => postgres().at(user, more);
  return [
    [
      "a wrong password",
      () => at("guarded:wrong-secret-8"),
      `refuses the password in ${setting}, or in PGPASSWORD if the address has none (PostgreSQL: `,
    ],
    ["no password", () => at("guarded"), `needs a password, and ${setting} has none; set PGPASSWORD.\n`],
    [
      "an unknown database",
      () => at("parley:wrong-secret-8", { database: "missing" }),
      "has no database of that name; make one with createdb",
    ],
    ["a wrong port", () => at("parley:wrong-secret-8", { port: lastingPort() }), "cannot be reached"],
    [
      "an encoding other than UTF8",
      () => postgres().withEncoding("LATIN1"),
      `The database of ${setting} has the encoding LATIN1.`,
    ],
    ["a user who may not make tables", () => postgres().ofAnother(), "does not let this user do what Parley needs"],
    [
      "another program's database",
      () => postgres().ofAnotherProgram(),
      `The database of ${setting} has tables of another program. Give Parley a database of its own: createdb NAME.`,
    ],
  ];
}
