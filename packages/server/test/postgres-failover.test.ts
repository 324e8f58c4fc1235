/** A standby takes over, with or without the newest events: cursors stay, or everybody begins anew; nobody is told something untrue. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Push } from "@parley/protocol";
import { epochOf } from "../src/db/epoch.ts";
import { passingFault } from "../src/db/faults.ts";
import { openReader, openWritingConnection, prepareDatabase } from "../src/db/open.ts";
import { openSession } from "../src/db/postgres/session.ts";
import { settledEpoch } from "../src/db/postgres/timeline.ts";
import { lastingPort } from "./free-port.ts";
import { type Person, signUp } from "./harness.ts";
import { endLater } from "./left-running.ts";
import { Line } from "./line.ts";
import { LiveClient } from "./live-client.ts";
import { needs } from "./needs.ts";
import { throughLine, until } from "./postgres-rig.ts";
import { hasPostgres, PostgresServer, sharedPostgres } from "./postgres-server.ts";
import { ServerProcess } from "./server-process.ts";
import { openRaw, TABLES, withRaw } from "./test-database.ts";

/** A deadline, for slow machines and for the start of PostgreSQL, which the first test may have to wait for. */
setDefaultTimeout(30_000);

const canCopy = hasPostgres && needs("pg_basebackup") !== undefined;

const send = (person: Person, roomId: number, clientId: string) =>
  person.api.call("POST", `/rooms/${roomId}/messages`, { clientId, type: 1, body: { content: clientId } });

async function contents(person: Person, roomId: number): Promise<string[]> {
  const { items } = await person.api.ok<{ items: { message: { clientId: string } }[] }>(
    "GET",
    `/rooms/${roomId}/messages?limit=100`,
  );
  return items.map(({ message }) => message.clientId);
}

/** A server whose primary has died, and a standby that took over without "lost", which it never got, if `loses`. */
async function failover(settings: Record<string, string>, loses: boolean) {
  const primary = await PostgresServer.start();
  const url = await primary.freshDatabase();
  const line = new Line(primary.port);
  const server = new ServerProcess({
    ...{ DATABASE_URL: throughLine(url, line), PORT: String(lastingPort()), LOG_LEVEL: "warn", DRAIN_SECONDS: "1" },
    ...settings,
  });
  await server.start();
  const ann = await signUp(server.url, "ann");
  const { id: room } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [] });
  const standby = await PostgresServer.start({ standbyOf: primary });
  expect((await send(ann, room, "kept")).status).toBe(201);
  await standby.caughtUpWith(primary);
  if (loses) {
    await standby.stopFollowing();
    for (const name of ["lost-1", "lost-2", "lost-3"]) expect((await send(ann, room, name)).status).toBe(201);
  }
  const client = await LiveClient.open(server.url, { token: ann.token });
  endLater(() => client.close());
  await client.frame(Push.RED_DOT);
  const before = await epochAt(url);
  line.cut();
  await primary.kill();
  await standby.promote();
  line.lead(standby.port);
  line.heal();
  const now = url.replace(/:\d+\//, `:${standby.port}/`);
  return { server, ann, room, client, epochs: async () => ({ before, after: await epochAt(now) }) };
}

async function epochAt(url: string): Promise<string> {
  const db = openReader({ url });
  try {
    return await epochOf(db);
  } finally {
    await db.destroy();
  }
}

async function isReady(server: ServerProcess): Promise<boolean> {
  return (await fetch(`${server.url}/readyz`).catch(() => undefined))?.status === 200;
}

describe.skipIf(!canCopy)("a failover", () => {
  test("PG-8: after a failover the epoch is a new one, connections end with 1012, and the server begins anew by itself", async () => {
    const { server, ann, room, client, epochs } = await failover({ DRAIN_DELAY_SECONDS: "19" }, true);
    while (!server.output.includes("starts again")) await server.printed();
    // It does not go on for as long as a balancer would need.
    await client.until(() => client.closed, "the connection to be closed", 12_000);
    expect(client.closed?.code).toBe(1012);
    await until(
      "writes are stored again",
      async () => (await isReady(server)) && (await send(ann, room, "new")).status === 201,
    );
    expect(await contents(ann, room)).toEqual(["kept", "new"]);
    const { before, after } = await epochs();
    expect(after).not.toBe(before);
    expect(server.output).not.toContain("upkeep failed");
    await server.kill();
  }, 90_000);

  test("PG-8: with PG_FAILOVER=lossless the epoch stays, and connections too", async () => {
    const { server, ann, room, client, epochs } = await failover({ PG_FAILOVER: "lossless" }, false);
    await until("writes are stored again", async () => (await send(ann, room, "new")).status === 201);
    expect(await contents(ann, room)).toEqual(["kept", "new"]);
    const { before, after } = await epochs();
    expect(after).toBe(before);
    await client.echo();
    expect(client.closed).toBeUndefined();
    expect(await server.stop()).toBe(0);
  }, 90_000);

  test("PG-8: with PG_FAILOVER=lossless a log that is shorter all the same ends connections with 1012", async () => {
    const { server, client } = await failover({ PG_FAILOVER: "lossless" }, true);
    await client.until(() => client.closed, "the connection to be closed", 20_000);
    expect(client.closed?.code).toBe(1012);
    await until("the server is there again", () => isReady(server));
    expect(await server.stop()).toBe(0);
    expect(server.output).toContain("the log is shorter than it was");
  }, 90_000);

  test("PG-8: a standby is not used, neither at the start nor later", async () => {
    const primary = await PostgresServer.start();
    const url = await primary.freshDatabase();
    await prepareDatabase({ dir: "", databaseUrl: url }, 0);
    const standby = await PostgresServer.start({ standbyOf: primary });
    await standby.caughtUpWith(primary);
    const onStandby = url.replace(/:\d+\//, `:${standby.port}/`);
    await expect(prepareDatabase({ dir: "", databaseUrl: onStandby }, 0)).rejects.toThrow(/leads to a standby/);
    const db = openReader({ url: onStandby });
    endLater(() => db.destroy());
    const fault = passingFault(await epochOf(db).catch((error: unknown) => error));
    expect(fault).toContain("leads to a standby");
  }, 60_000);
});

describe.skipIf(!hasPostgres)("another timeline", () => {
  const fresh = async () => (await sharedPostgres()).freshDatabase(TABLES);
  const ofOld = (url: string) =>
    withRaw({ url }, (raw) => raw.rows("update meta set value = '000000AA' where key = 'timeline'"));

  test("PG-8: is noticed once, by however many", async () => {
    const url = await fresh();
    const before = await epochAt(url);
    await ofOld(url);
    await Promise.all([1, 2, 3, 4].map(() => prepareDatabase({ dir: "", databaseUrl: url }, 0)));
    const after = await epochAt(url);
    expect(after).toMatch(/^[0-9a-f]{16}$/);
    expect(after).not.toBe(before);
    await prepareDatabase({ dir: "", databaseUrl: url }, 0);
    expect(await epochAt(url)).toBe(after);
  });

  test("PG-8: is noticed once by those that wait for the lock together", async () => {
    const url = await fresh();
    await ofOld(url);
    const sessions = await Promise.all([1, 2, 3, 4].map(() => openSession(url, "write")));
    const raw = await openRaw({ url });
    endLater(() => Promise.all([raw.close(), ...sessions.map((session) => session.close())]));
    await raw.rows("begin");
    await raw.rows("select pos from log for update");
    const settled = Promise.all(sessions.map((session) => settledEpoch(session, { url })));
    const pids = sessions.map(({ processId }) => processId).join(",");
    await until("all wait", async () => {
      const waiting = await (await sharedPostgres()).query(
        `select 1 from pg_stat_activity where wait_event_type = 'Lock' and pid in (${pids})`,
      );
      return waiting.length === 4;
    });
    await raw.rows("commit");
    expect([...new Set(await settled)]).toEqual([await epochAt(url)]);
  });

  test("PG-8: a writer that finds another epoch than it began with writes nothing", async () => {
    const url = await fresh();
    const writer = openWritingConnection({ url });
    endLater(() => writer.close());
    await writer.transaction(async () => {});
    await ofOld(url);
    await (await sharedPostgres()).query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'parley' and datname = $1",
      [new URL(url).pathname.slice(1)],
    );
    await until("its connection has ended", async () => {
      const failed = await writer.transaction(async () => {}).catch((error: unknown) => error);
      return passingFault(failed)?.includes("Its epoch has changed") === true;
    });
  });

  test("PG-5: rows of writers that are long gone are removed by the next one", async () => {
    const url = await fresh();
    await withRaw({ url }, async (raw) => {
      await raw.rows("insert into writers (node, batch, at) values ('old', 1, 1), ('new', 1, 9999999999999)");
      const writer = openWritingConnection({ url });
      await writer.transaction(async () => {});
      await writer.transaction(async () => {});
      await writer.close();
      const left = await raw.rows<{ node: string; batch: number }>("select node, batch from writers order by node");
      expect(left.map(({ node }) => node)).not.toContain("old");
      expect(left.map(({ batch }) => batch).sort()).toEqual([1, 2]);
    });
  });
});
