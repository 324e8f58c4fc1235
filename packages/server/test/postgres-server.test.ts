import { expect, test } from "bun:test";
import { Client } from "pg";
import { hasPostgres, PostgresServer, sharedPostgres, type Template } from "./postgres-server.ts";

/** Under a load a start takes seconds. */
const LIMIT_MS = 60_000;
const on = (title: string, run: () => Promise<void>) => test.skipIf(!hasPostgres)(title, run, LIMIT_MS);

const made: string[] = [];

async function namesIn(url: string): Promise<string[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query("select tablename from pg_tables where schemaname = 'public'");
  await client.end();
  return rows.map(({ tablename }) => tablename);
}

async function run(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}

for (const time of [1, 2]) {
  on(`a test gets an empty database: ${time}`, async () => {
    const url = await (await sharedPostgres()).freshDatabase();
    made.push(url);
    expect(await namesIn(url)).toEqual([]);
    await run(url, "create table notes (id bigint)");
  });
}

on("databases of earlier tests are gone", async () => {
  for (const url of made) await expect(namesIn(url)).rejects.toThrow("does not exist");
});

on("databases begin with what their template has, and it is filled once", async () => {
  const server = await sharedPostgres();
  let fills = 0;
  const template: Template = {
    name: "notes",
    fill: async (url) => {
      fills += 1;
      await run(url, "create table notes (id bigint)");
    },
  };
  const urls = await Promise.all([server.freshDatabase(template), server.freshDatabase(template)]);
  for (const url of urls) expect(await namesIn(url)).toEqual(["notes"]);
  expect([new Set(urls).size, fills]).toEqual([2, 1]);
});

test.skipIf(!hasPostgres).each(["kill", "stopImmediately"] as const)(
  "after %s it starts again with what was committed, on the same port",
  async (end) => {
    const server = await PostgresServer.start();
    await server.query("create table notes (id bigint)");
    const url = server.url();
    await server[end]();
    await expect(namesIn(url)).rejects.toThrow();
    await server.startAgain();
    expect(await namesIn(url)).toEqual(["notes"]);
  },
  LIMIT_MS,
);

on("only this machine reaches it, and only over TCP", async () => {
  const server = await sharedPostgres();
  const [row] = await server.query("select setting from pg_settings where name = 'listen_addresses'");
  const [sockets] = await server.query("select setting from pg_settings where name = 'unix_socket_directories'");
  expect([row, sockets]).toEqual([{ setting: "127.0.0.1" }, { setting: "" }]);
});

let ownPort = 0;
on("an instance of a test", async () => {
  ownPort = (await PostgresServer.start()).port;
});
on("has ended with it", async () => {
  await expect(namesIn(`postgres://parley@127.0.0.1:${ownPort}/postgres`)).rejects.toThrow();
});
