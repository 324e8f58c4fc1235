/** A start on a PostgreSQL that cannot be used ends with one sentence that says what to do, and never shows the password. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareDatabase } from "../src/db/open.ts";
import { lastingPort } from "./free-port.ts";
import { GuardedPostgres, unusable } from "./guarded-postgres.ts";
import { TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { hasPgBouncer, startPgBouncer } from "./pg-bouncer.ts";
import { until } from "./postgres-rig.ts";
import { hasPostgres, PostgresServer } from "./postgres-server.ts";
import { selfSigned } from "./self-signed.ts";
import { withRaw } from "./test-database.ts";

const openssl = needs("openssl");
const MAIN = new URL("../src/main.ts", import.meta.url).pathname;
const dir = mkdtempSync(join(tmpdir(), "parley-start-"));
afterAll(() => rmSync(dir, { recursive: true }));

let server: PostgresServer;
let guarded: GuardedPostgres;
beforeAll(async () => {
  if (!hasPostgres) return;
  guarded = await GuardedPostgres.start();
  server = guarded.server;
}, 60_000);

async function parley(args: readonly string[], databaseUrl: string, input = "") {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    env: {
      ...{
        PATH: process.env.PATH ?? "",
        HOST: "127.0.0.1",
        PORT: "0",
        LOG_LEVEL: "error",
        DATA_DIR: join(dir, "data"),
      },
      DATABASE_URL: databaseUrl,
    },
    stdin: new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000,
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

const at: GuardedPostgres["at"] = (user, more) => guarded.at(user, more);

const cases: ReturnType<typeof unusable> = [
  ...unusable(() => guarded, "DATABASE_URL"),
  ["an unknown user", () => at("nobody:wrong-secret-8"), "refuses this user"],
  ["an unknown host", () => at("parley:wrong-secret-8", { host: "no-such-host.invalid" }), "cannot be reached"],
  [
    "TLS where there is none",
    () => at("parley:wrong-secret-8", { query: "?sslmode=verify-full" }),
    "does not speak TLS",
  ],
  [
    "TLS that has no such mode",
    () => at("parley:wrong-secret-8", { query: "?sslmode=sometimes" }),
    "wanted sslmode to be one of disable, no-verify,",
  ],
];

describe.skipIf(!hasPostgres)("a start", () => {
  test.each(cases)(
    "PG-1: with %s says what to do",
    async (_, address, says) => {
      const { code, out, err } = await parley(["serve"], await address());
      expect(err).toContain(says);
      expect(err.trim().split("\n").length).toBe(err.includes("One setting is wrong") ? 2 : 1);
      expect(err).not.toContain("secret");
      expect([code, out]).toEqual([1, ""]);
    },
    40_000,
  );

  test.each(
    [["migrate"], ["epoch"], ["user", "list"], ["key", "list"], ["user", "add", "ann"]].map(
      (args) => [args.join(" "), args] as const,
    ),
  )(
    "PG-1: parley %s says it too",
    async (_, args) => {
      for (const [address, says] of [
        [at("guarded:wrong-secret-8"), "refuses the password in DATABASE_URL"],
        [at("parley:wrong-secret-8", { port: lastingPort() }), "cannot be reached"],
      ] as const) {
        const { code, err } = await parley(args, address);
        expect(err).toContain(says);
        expect(err.trim().split("\n")).toHaveLength(1);
        expect(err).not.toContain("secret");
        expect(code).toBe(1);
      }
    },
    40_000,
  );

  test("PG-1: the right password works, also one with signs that an address has to escape; parley config hides the address", async () => {
    await server.query("create role odd login password 'a/b:c@d%e secret'");
    await server.requirePasswords(["guarded", "odd"]);
    await server.query("create database odd owner odd template template0");
    const address = at(`odd:${encodeURIComponent("a/b:c@d%e secret")}`, { database: "odd" });
    expect(await parley(["migrate"], address)).toMatchObject({ code: 0, err: "" });
    expect((await parley(["user", "add", "ann", "--password-stdin"], address, "a long password")).code).toBe(0);
    expect((await parley(["user", "list"], address)).out).toContain("ann");
    const { out } = await parley(["config"], address);
    expect(out).toMatch(/DATABASE_URL +\*+ +environment/);
    expect(out).not.toContain(encodeURIComponent("a/b:c@d%e secret"));
  }, 60_000);

  test("PG-1: a user who owns nothing needs no more than to use the schema and to create in it", async () => {
    await server.query("create role granted login");
    await server.query("create database granted template template0");
    await withRaw({ url: server.url("granted") }, (raw) => raw.rows("grant create, usage on schema public to granted"));
    expect(await parley(["migrate"], at("granted", { database: "granted" }))).toMatchObject({ code: 0, err: "" });
  }, 40_000);

  test("PG-1: too many connections are said at the start", async () => {
    const small = await PostgresServer.start({
      settings: { max_connections: "6", superuser_reserved_connections: "4" },
    });
    await small.query("create role plain login");
    await small.query("create database plain owner plain template template0");
    const { Client } = await import("pg");
    let holder: InstanceType<typeof Client> | undefined;
    // A session that has ended may have its place for a moment.
    await until("one has the only place", async () => {
      const client = new Client({ connectionString: small.url("plain").replace("parley@", "plain@") });
      client.on("error", () => {});
      holder = await client.connect().then(
        () => client,
        () => undefined,
      );
      return holder !== undefined;
    });
    const { code, err } = await parley(["migrate"], small.url("plain").replace("parley@", "plain@"));
    await holder?.end();
    expect(err).toContain("takes no more connections; raise max_connections, or the CONNECTION LIMIT of the user");
    expect(code).toBe(1);
  }, 40_000);
});

describe.skipIf(!hasPostgres || openssl === undefined)("TLS", () => {
  test("PG-1: certificates are verified, unless no-verify; a server that wants TLS says so", async () => {
    const { cert, key } = selfSigned(openssl as string, dir, "postgres");
    const own = await PostgresServer.start();
    await own.speakTls({ cert, key });
    await own.query("create database chat template template0");
    const address = (query: string) => `postgres://parley:wrong-secret-8@127.0.0.1:${own.port}/chat${query}`;
    for (const [query, says] of [
      ["", "a connection without TLS"],
      ["?sslmode=require", "has a certificate that cannot be verified ("],
      ["?sslmode=verify-full", "name its authority in DATABASE_URL with sslrootcert=FILE"],
      ["?sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "/nowhere/ca.pem"],
    ] as const) {
      const { code, err } = await parley(["migrate"], address(query));
      expect(err).toContain(says);
      expect(err.trim().split("\n")).toHaveLength(1);
      expect(err).not.toContain("secret");
      expect(code).toBe(1);
    }
    for (const query of [
      "?sslmode=no-verify",
      `?sslmode=verify-full&sslrootcert=${cert}`,
      `?sslmode=require&sslrootcert=${cert}`,
    ]) {
      expect(await parley(["migrate"], address(query))).toMatchObject({ code: 0, err: "" });
    }
  }, 60_000);
});

describe.skipIf(!hasPostgres || !hasPgBouncer)("a pooler", () => {
  test.each([1, 30])(
    "PG-2: in transaction mode is refused, also with %d sessions",
    async (size) => {
      const port = await startPgBouncer(server, "transaction", size);
      const pooled = (await server.freshDatabase()).replace(/:\d+\//, `:${port}/`);
      for (const args of [["serve"], ["migrate"]]) {
        const { code, err } = await parley(args, pooled);
        expect(err).toContain("leads to a pooler in transaction mode");
        expect(err.trim().split("\n")).toHaveLength(1);
        expect(code).toBe(1);
      }
    },
    40_000,
  );

  test("PG-2: in session mode works", async () => {
    const port = await startPgBouncer(server, "session");
    const pooled = (await server.freshDatabase()).replace(/:\d+\//, `:${port}/`);
    await prepareDatabase({ dir: "", databaseUrl: pooled }, 0);
    const node = await TestServer.start({ DATABASE_URL: pooled });
    const ann = await node.person("ann");
    const room = await node.room(ann, []);
    const sent = await ann.api.call("POST", `/rooms/${room}/messages`, {
      clientId: "1",
      type: 1,
      body: { content: "x" },
    });
    expect(sent.status).toBe(201);
    await node.stop();
  }, 40_000);
});

test("PG-1: CI installs what these tests need", () => {
  expect(readFileSync(new URL("../../../.ci/run", import.meta.url), "utf8")).toContain("pgbouncer");
});
