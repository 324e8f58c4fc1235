import { expect, test } from "bun:test";
import { Client } from "pg";
import { hasPostgres, PostgresServer, sharedPostgres } from "../../test/postgres-server.ts";
import { until } from "../../test/webhook-receiver.ts";
import { delay } from "../lib/interval.ts";
import { createLogger } from "../ops/logger.ts";
import { batch, Ear, live, working } from "./bus.contract.ts";
import { openPostgresBus } from "./postgres-bus.ts";

/** These wait for real services, on machines that may be slow. */
const on = (title: string, run: () => Promise<void>) => test.skipIf(!hasPostgres)(title, run, 60_000);

class Log {
  readonly lines: string[] = [];
  readonly logger = createLogger({ level: "trace", sink: { write: (line) => void this.lines.push(line) } });
}

function ear(url: string, log = new Log()): Ear {
  return new Ear({ open: (node) => openPostgresBus({ node, url, logger: log.logger }) });
}

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function end(server: PostgresServer, name: string): Promise<void> {
  const ended = await server.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = '${name}'`,
  );
  expect(ended.length).toBeGreaterThan(0);
}

on("BUS-5 when its connections are ended by an administrator, everybody is told and hears again", async () => {
  const server = await PostgresServer.start();
  const [a, b] = [ear(server.url()), ear(server.url())];
  await working(a, b);
  for (const name of ["parley bus", "parley bus sender"]) {
    const times = a.restored + 1;
    await end(server, name);
    await until("everybody is told", () => a.restored === times && b.restored === times);
    await Promise.all([a.flushTo(b), b.flushTo(a)]);
  }
  await Promise.all([a.bus.close(), b.bus.close()]);
});

on("BUS-8 a standby is refused, and when it has become the primary the bus works", async () => {
  const server = await PostgresServer.start();
  await server.stopImmediately();
  await server.startAgain({ asStandby: true });
  const log = new Log();
  const a = ear(server.url(), log);
  await until("it is refused", () => log.lines.some((line) => line.includes("this server is a standby")));
  expect(a.bus.works).toBe(false);
  await server.query("select pg_promote()");
  await working(a);
  await a.bus.close();
});

on("BUS-8 it waits for no standby, and for no transaction of others that notifies and is still open", async () => {
  const server = await PostgresServer.start({ settings: { synchronous_standby_names: "nobody" } });
  const [a, b] = [ear(server.url()), ear(server.url())];
  await working(a, b);
  const other = await connected(server.url());
  await other.query("begin");
  await other.query("notify parley, 'not ours'");
  for (let n = 0; n < 20; n++) await a.flushTo(b);
  expect([a.restored, b.restored]).toEqual([1, 1]);
  await Promise.all([a.bus.close(), b.bus.close(), other.end()]);
});

on(
  "BUS-5 while another session holds the lock of NOTIFY through its commit, the bus says that it does not work, and does not pile up connections",
  async () => {
    const server = await PostgresServer.start({ settings: { synchronous_standby_names: "nobody" } });
    await server.query("set synchronous_commit = local");
    await server.query("create table notes (id bigint)");
    const [a, b] = [ear(server.url()), ear(server.url())];
    await working(a, b);
    const other = await connected(server.url());
    for (const sql of ["begin", "insert into notes values (1)", "notify parley, 'not ours'"]) await other.query(sql);
    const commit = other.query("commit");
    await until("the commit waits for the standby", async () => {
      const waiting = await server.query("select 1 from pg_stat_activity where wait_event = 'SyncRep'");
      return waiting.length === 1;
    });
    a.bus.publish(batch(1, 1));
    await until("it does not work", () => !a.bus.works && !b.bus.works);
    await delay(3000);
    // Those that have been ended may take a moment to go.
    await until("no more connections than two for each", async () => {
      const [row] = await server.query(
        "select count(*)::int from pg_stat_activity where application_name like 'parley bus%'",
      );
      return (row?.count as number) <= 4;
    });
    await server.query("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
    await commit;
    await working(a, b);
    await a.flushTo(b);
    await Promise.all([a.bus.close(), b.bus.close(), other.end()]);
  },
);

on("BUS-8 of the log it sends only how far it goes, at most every 5 ms, and the last position at once", async () => {
  const url = await (await sharedPostgres()).freshDatabase();
  const a = ear(url);
  await working(a);
  const other = await connected(url);
  const payloads: string[] = [];
  other.on("notification", ({ payload = "" }) => payloads.push(payload));
  await other.query("listen parley");
  const begun = performance.now();
  let pos = 0;
  while (performance.now() - begun < 500) {
    for (let n = 0; n < 20; n++) {
      pos += 1;
      a.bus.publish(batch(pos, pos));
    }
    await delay(1);
  }
  const took = performance.now() - begun;
  await until("the last one arrives", () => payloads.some((payload) => payload.includes(`"upTo":${pos},`)));
  const log = payloads.filter((payload) => payload.startsWith("l"));
  expect(log.length).toBeLessThanOrEqual(took / 5 + 2);
  expect(log.every((payload) => payload.includes('"events":[]'))).toBe(true);
  await Promise.all([a.bus.close(), other.end()]);
});

on("BUS-6 notifications that are not messages of ours change nothing", async () => {
  const url = await (await sharedPostgres()).freshDatabase();
  const [a, b] = [ear(url), ear(url)];
  await working(a, b);
  const other = await connected(url);
  const forged = [`${a.node} 999999 `, `${a.node} 1 {}`, `${b.node} 0 {}`, "0123456789abcdef 1 {", "x".repeat(7900)];
  for (const text of [
    "",
    "l",
    "v1 0/1 ",
    "v1 0/1000 x",
    ...forged.flatMap((text) => [text, `v1 0/1 ${text}`, `l1 0/1 ${text}`]),
  ]) {
    await other.query("select pg_notify('parley', $1)", [text]);
    await other.query("select pg_notify('other', $1)", [text]);
  }
  await a.flushTo(b);
  expect(a.heard.filter(({ from }) => from !== b.node)).toEqual([]);
  expect([a.bus.works, b.bus.works, a.restored, b.restored]).toEqual([true, true, 1, 1]);
  await Promise.all([a.bus.close(), b.bus.close(), other.end()]);
});

on("BUS-7 databases of one server are apart", async () => {
  const server = await sharedPostgres();
  const [a, b, c] = [ear(await server.freshDatabase()), ear(await server.freshDatabase()), ear(server.url())];
  await working(a, b, c);
  a.bus.publish(live("here"));
  await a.bus.close();
  await delay(100);
  expect([b.heard, c.heard]).toEqual([[], []]);
  await Promise.all([b.bus.close(), c.bus.close()]);
});

on("BUS-10 no log line and no reported problem holds the password", async () => {
  const server = await sharedPostgres();
  const log = new Log();
  const secret = "very-secret-word";
  const urls = [
    `postgres://nobody:${secret}@127.0.0.1:${server.port}/postgres`,
    `postgres://nobody:${secret}@127.0.0.1:1/postgres`,
    `postgres://nobody:${secret}@host.invalid/postgres`,
    `postgres://nobody:${secret}@127.0.0.1:99999/postgres`,
    `postgres://nobody:${secret}@[::/postgres?sslmode=verify-full`,
  ];
  const ears = urls.map((url) => ear(url, log));
  await until("each has a problem", () => log.lines.length >= urls.length);
  const problems = ears.map(({ bus }) => (bus as ReturnType<typeof openPostgresBus>).problem);
  expect(`${log.lines.join("")}${problems.join("")}`).not.toContain(secret);
  expect(problems[0]).toContain("does not exist");
  await Promise.all(ears.map(({ bus }) => bus.close()));
});
