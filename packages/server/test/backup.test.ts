import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Command, Push } from "@parley/protocol";
import { nextTurn, withDeadline } from "../src/lib/interval.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, signUp } from "./harness.ts";
import { historyOf } from "./history.ts";
import { LiveClient } from "./live-client.ts";
import { endlessLoad } from "./load.ts";
import { ServerProcess } from "./server-process.ts";
import { onPostgres } from "./test-database.ts";

/** A backup of a server that is written to all the while, and a server that starts from it. */
const MAIN = new URL("../src/main.ts", import.meta.url).pathname;
const SENDERS = 8;
/** How many answers there are before the backup begins. */
const ANSWERS = 100;
/** Makes the copy take long enough to be held in the middle. */
const FILLING_BYTES = 96 * 2 ** 20;

const server = new ServerProcess();
const file = join(server.dir, "copy.db");
const after = new ServerProcess({ DATA_DIR: join(server.dir, "restored") });
/** PostgreSQL has tools of its own. */
const testOnSqlite = test.skipIf(onPostgres);
beforeAll(() => (onPostgres ? undefined : server.start()), 30_000);
afterAll(async () => {
  await after.remove();
  await server.remove();
});

function begin(args: readonly string[], dataDir: string, shell = 'exec "$@"') {
  const child = Bun.spawn(["sh", "-c", shell, "sh", process.execPath, MAIN, ...args], {
    env: { PATH: process.env.PATH ?? "", DATA_DIR: dataDir },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 60_000,
  });
  const texts = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { child, done: texts.then(async ([out, err]) => ({ code: await child.exited, out, err })) };
}

const parley = (args: readonly string[], dataDir: string, shell?: string) => begin(args, dataDir, shell).done;

/** Runs a backup, and holds it in the middle of its copy until `meanwhile` is over. */
async function backUpDuring(meanwhile: () => Promise<unknown>) {
  const copied = () => statSync(`${file}.partial`, { throwIfNoEntry: false })?.size ?? 0;
  for (;;) {
    const { child, done } = begin(["backup", file], join(server.dir, "data"));
    while (child.exitCode === null && copied() < FILLING_BYTES / 8) await nextTurn();
    child.kill("SIGSTOP");
    try {
      const bytes = copied();
      if (bytes > 0 && bytes < FILLING_BYTES / 2) {
        await meanwhile();
        child.kill("SIGCONT");
        return await done;
      }
    } finally {
      child.kill("SIGCONT");
    }
    // This process was too slow to hold it.
    expect(await done).toMatchObject({ code: 0, err: "" });
    rmSync(file);
  }
}

function fill(): void {
  using database = new Database(join(server.dir, "data", "parley.db"));
  database.run("pragma busy_timeout = 10000");
  database.run("create table filling (bytes blob)");
  for (let n = 0; n < 96; n++) database.run("insert into filling values (randomblob(?))", [FILLING_BYTES / 96]);
}

testOnSqlite(
  "BAK-2, BAK-4: a backup under load has all that was acknowledged before it and holds no write up; what begins from it lacks nothing of it",
  async () => {
    const people = await Promise.all(["ann", "ben", "cai"].map((name) => signUp(server.url, name)));
    const [ann, ...others] = people as [Person, ...Person[]];
    const memberIds = others.map(({ uid }) => uid);
    const { id } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds });
    fill();

    const senders = Array.from({ length: SENDERS }, (_, i) => people[i % people.length] as Person);
    const { acknowledged, enough, end } = endlessLoad({ senders, roomId: id, enough: ANSWERS });
    await enough;
    const before = [...acknowledged];
    const done = await backUpDuring(async () => {
      // Those that were under way may be in the copy; all that are sent after them are not.
      const enough = acknowledged.length + 2 * SENDERS;
      const written = async () => {
        while (acknowledged.length < enough) await nextTurn();
      };
      await withDeadline(written(), 20_000, "the backup holds writes up");
    });
    const until = [...acknowledged];
    const outcomes = await end();
    expect([done.code, done.err]).toEqual([0, ""]);

    // Nothing was refused, and what was written while the copy was being made was also answered during that time.
    expect(outcomes.filter(({ status }) => status !== 201)).toEqual([]);
    const kept = clientIdsIn(file);
    expect(before.filter((one) => !kept.has(one))).toEqual([]);
    const meanwhile = until.filter((one) => !kept.has(one));
    expect(meanwhile.length).toBeGreaterThan(0);
    // The backup has the whole state of one moment.
    using copy = new Database(file, { readonly: true });
    expect(copy.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
    expect(copy.query("select (select pos from log) = (select max(pos) from events) as whole").get()).toEqual({
      whole: 1,
    });
    const all = await historyOf(ann, id);
    expect(all.map(({ message }) => message.clientId).toSorted()).toEqual([...acknowledged].toSorted());
    const { cursor } = await ann.api.ok<{ cursor: string }>("GET", "/events");
    await server.stop();

    expect(await parley(["restore", file], join(server.dir, "restored"))).toMatchObject({ code: 0, err: "" });
    await after.start();
    const restored = { ...ann, api: new ApiClient(after.url, ann.token) };
    const live = await LiveClient.open(after.url, { token: ann.token, path: "/ws?resume=1" });
    live.send({ type: Command.RESUME, data: { cursor } });
    expect((await live.frame(Push.RESYNC)).data).toMatchObject({ stream: "*", why: "epoch" });
    live.close();
    const history = await historyOf(restored, id);
    expect(history.map(({ message }) => message.clientId).toSorted()).toEqual([...kept].toSorted());
    expect(history.map(({ message }) => message.no)).toEqual(history.map((_, i) => i + 1));
    // If a client repeats what was lost, it is stored, and only once.
    const lost = meanwhile[0] as string;
    const sender = outcomes.find(({ clientId }) => clientId === lost)?.sender as Person;
    const again = new ApiClient(after.url, sender.token);
    const body = { clientId: lost, type: 1, body: { content: `message ${lost}` } };
    for (const status of [201, 200])
      expect((await again.call("POST", `/rooms/${id}/messages`, body)).status).toBe(status);
  },
  120_000,
);

testOnSqlite(
  "BAK-1: a backup that finds no room on the disk says so and leaves nothing",
  async () => {
    // Files that this process writes may have 512 KiB.
    const limited = "trap '' XFSZ; ulimit -f 1024; exec \"$@\"";
    const small = join(server.dir, "small.db");
    const { code, out, err } = await parley(["backup", small], join(server.dir, "data"), limited);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/^\S+\/small\.db(\.partial)? (cannot grow, since its disk is full|cannot be read or written)/);
    expect([await Bun.file(small).exists(), await Bun.file(`${small}.partial`).exists()]).toEqual([false, false]);
  },
  60_000,
);

function clientIdsIn(path: string): Set<string> {
  using database = new Database(path, { readonly: true });
  const rows = database.query<{ client_id: string }, []>("select client_id from messages").all();
  return new Set(rows.map(({ client_id }) => client_id));
}
