/** The writer on PostgreSQL, when its connection ends or hangs: callers are told what is true, and nothing is lost or stored twice. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { StorageFault } from "../src/db/storage-fault.ts";
import { delay } from "../src/lib/interval.ts";
import { postgresRig, until } from "./postgres-rig.ts";
import { hasPostgres, PostgresServer } from "./postgres-server.ts";
import { withRaw } from "./test-database.ts";

/** A deadline, for slow machines and for the start of PostgreSQL, which the first test may have to wait for. */
setDefaultTimeout(30_000);

const END_SESSIONS = `select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'parley' and datname = `;

const named = (url: string) => `'${new URL(url).pathname.slice(1)}'`;

test.skipIf(!hasPostgres)(
  "PG-4: a writer whose connection was ended between two batches goes on with another one",
  async () => {
    const { server, directUrl, note, noted } = await postgresRig();
    await note("one");
    await server.query(END_SESSIONS + named(directUrl));
    await note("two");
    expect(await noted()).toEqual(["one", "two"]);
  },
);

test.skipIf(!hasPostgres)(
  "PG-4: a line that was cut, unnoticed, between two batches costs nobody their write",
  async () => {
    const { line, note, noted } = await postgresRig();
    await note("one");
    line.stall();
    const two = note("two");
    await delay(100);
    line.cut();
    line.heal();
    await two;
    expect(await noted()).toEqual(["one", "two"]);
  },
);

test.skipIf(!hasPostgres)(
  "PG-4: a connection that ends in the middle of a batch fails its callers with 503, and nothing of it stays",
  async () => {
    let end = true;
    const rig = await postgresRig({
      during: async () => {
        if (end) await rig.server.query(END_SESSIONS + named(rig.directUrl));
        end = false;
      },
    });
    const [one, two] = await Promise.allSettled([rig.note("one"), rig.note("two")]);
    for (const answer of [one, two]) {
      expect(answer).toMatchObject({ status: "rejected" });
      const { reason } = answer as PromiseRejectedResult;
      expect(reason).toBeInstanceOf(StorageFault);
      expect(reason.fault).toContain("an administrator ended the connection");
    }
    await rig.note("three");
    expect(await rig.noted()).toEqual(["three"]);
  },
);

test.skipIf(!hasPostgres)(
  "PG-4: a connection that is known to be gone when a batch ends fails its callers, and nothing else",
  async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on("unhandledRejection", note);
    let cut = true;
    const rig = await postgresRig({
      during: async () => {
        if (!cut) return;
        cut = false;
        rig.line.cut();
        rig.line.heal();
        await delay(100);
      },
    });
    await expect(rig.note("one")).rejects.toBeInstanceOf(StorageFault);
    await rig.note("two");
    process.off("unhandledRejection", note);
    expect([unhandled, await rig.noted()]).toEqual([[], ["two"]]);
  },
);

test.skipIf(!hasPostgres)(
  "PG-5: a batch that was committed, and whose answer was lost, is a success, and is stored once",
  async () => {
    let lose = true;
    const rig = await postgresRig({
      during: async () => {
        if (!lose) return;
        lose = false;
        rig.line.delay({ toClient: 600_000 });
        const seen = until("the batch is committed", async () => (await rig.noted()).length > 0);
        void seen.then(() => {
          rig.line.cut();
          rig.line.delay({ toClient: 0 });
          rig.line.heal();
        });
      },
    });
    await rig.note("one");
    await rig.note("two");
    expect(await rig.noted()).toEqual(["one", "two"]);
  },
);

test.skipIf(!hasPostgres)(
  "PG-5: that is true also for a node whose lease ended after its commit; its next batch is refused",
  async () => {
    let lose = true;
    const rig = await postgresRig({
      node: "0123456789abcdef",
      during: async () => {
        if (!lose) return;
        lose = false;
        rig.line.delay({ toClient: 600_000 });
        const seen = until("the batch is committed", async () => (await rig.noted()).length > 0);
        void seen.then(async () => {
          await withRaw({ url: rig.directUrl }, ({ rows }) => rows("delete from nodes"));
          rig.line.cut();
          rig.line.delay({ toClient: 0 });
          rig.line.heal();
        });
      },
    });
    await rig.note("one");
    await expect(rig.note("two")).rejects.toMatchObject({ fault: expect.stringContaining("counts as dead") });
    expect(await rig.noted()).toEqual(["one"]);
  },
  30_000,
);

test.skipIf(!hasPostgres)("PG-5: a batch whose commit never arrived fails with 503, and is not stored", async () => {
  let lose = true;
  const rig = await postgresRig({
    during: async () => {
      if (!lose) return;
      lose = false;
      rig.line.stall();
      void delay(200).then(() => {
        rig.line.cut();
        rig.line.heal();
      });
    },
  });
  await expect(rig.note("one")).rejects.toThrow(StorageFault);
  await rig.note("two");
  expect(await rig.noted()).toEqual(["two"]);
});

test.skipIf(!hasPostgres)(
  "PG-5: while the database stays away a batch in doubt is 503, and what was committed is in the log later",
  async () => {
    let lose = true;
    const rig = await postgresRig({
      during: async () => {
        if (!lose) return;
        lose = false;
        rig.line.delay({ toClient: 600_000 });
        void until("the batch is committed", async () => (await rig.noted()).length > 0).then(() => rig.line.cut());
      },
    });
    await expect(rig.note("one")).rejects.toThrow(StorageFault);
    rig.line.delay({ toClient: 0 });
    rig.line.heal();
    await rig.note("two");
    expect(await rig.noted()).toEqual(["one", "two"]);
  },
  30_000,
);

test.skipIf(!hasPostgres)(
  "PG-6: a line on which nothing comes any more is given up, and the writer takes another one",
  async () => {
    let stall = true;
    const rig = await postgresRig({
      during: async () => {
        if (!stall) return;
        stall = false;
        rig.line.stall();
        // New connections pass: those that hang stay so for ever.
        rig.line.healForNew();
      },
    });
    await expect(rig.note("one")).rejects.toThrow(StorageFault);
    await rig.note("two");
    expect(await rig.noted()).toEqual(["two"]);
  },
  30_000,
);

test.skipIf(!hasPostgres)(
  "PG-9: of many writes to a database that stands still none waits for another one's failure, and none is stored later",
  async () => {
    const rig = await postgresRig();
    await rig.note("first");
    rig.line.stall();
    const all = await Promise.allSettled(Array.from({ length: 1024 }, (_, n) => rig.note(`${n}`)));
    // They are more than a batch, and all fail with the first one: when the old line was given up, after 7 s, and the attempt to get another one, after 5 s.
    const [reason, ...others] = new Set(all.map((answer) => (answer as PromiseRejectedResult).reason));
    expect(reason).toMatchObject({ code: "overloaded", retryAfterMs: 5000 });
    expect(others).toEqual([]);
    // From now on it is known: one tries, and the others need not wait for it.
    let isTrying = true;
    let refusedMeanwhile = 0;
    const tries = rig.note("tries").catch(() => {});
    void tries.then(() => {
      isTrying = false;
    });
    const late: Promise<void>[] = [];
    await until("others are refused meanwhile", async () => {
      const refused = rig.note("late").catch((error) => {
        expect(error).toBeInstanceOf(StorageFault);
        if (isTrying) refusedMeanwhile += 1;
      });
      late.push(refused);
      return refusedMeanwhile > 0;
    });
    rig.line.cut();
    rig.line.heal();
    await Promise.all([tries, ...late]);
    await rig.note("last");
    const tried = ["tries", "late"];
    expect((await rig.noted()).filter((text) => !tried.includes(text))).toEqual(["first", "last"]);
  },
  60_000,
);

test.skipIf(!hasPostgres)(
  "PG-5: a commit that a synchronous standby has not confirmed is no success, though the primary has it",
  async () => {
    const server = await PostgresServer.start();
    const rig = await postgresRig({ server });
    await server.query("alter system set synchronous_standby_names = 'nobody'");
    await server.query("select pg_reload_conf()");
    await until("sessions wait for it", async () => {
      const [row] = await server.query<{ names: string }>(
        "select current_setting('synchronous_standby_names') as names",
      );
      return row?.names === "nobody";
    });
    await expect(rig.note("one")).rejects.toThrow(StorageFault);
    await server.query("alter system reset synchronous_standby_names");
    await server.query("select pg_reload_conf()");
    await rig.note("two");
    expect(await rig.noted()).toEqual(["one", "two"]);
  },
  60_000,
);

test.skipIf(!hasPostgres).each(["kill", "stopImmediately"] as const)(
  "PG-4: after %s of PostgreSQL every write that was answered is there, and nothing is there twice",
  async (end) => {
    const server = await PostgresServer.start();
    const rig = await postgresRig({ server });
    await rig.note("first");
    const answered = new Set<string>();
    let refused = 0;
    let goesOn = true;
    const writers = [0, 1, 2, 3].map(async (writer) => {
      for (let n = 0; goesOn; n++) {
        try {
          await rig.note(`${writer}-${n}`);
          answered.add(`${writer}-${n}`);
        } catch (error) {
          expect(error).toBeInstanceOf(StorageFault);
          refused += 1;
          await delay(20);
        }
      }
    });
    await until("some are written", async () => answered.size > 20);
    await server[end]();
    await until("some are refused", async () => refused > 4);
    await server.startAgain();
    const before = answered.size;
    await until("some are written again", async () => answered.size > before + 20);
    goesOn = false;
    await Promise.all(writers);
    const noted = await rig.noted();
    expect(new Set(noted).size).toBe(noted.length);
    expect([...answered].filter((text) => !noted.includes(text))).toEqual([]);
  },
  60_000,
);
