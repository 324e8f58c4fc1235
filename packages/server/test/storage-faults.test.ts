import { afterEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { uptimeMs } from "../src/lib/uptime.ts";
import { fillDisk } from "./fill-disk.ts";
import { type Person, signUp, TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { ServerProcess } from "./server-process.ts";
import { onPostgres, openRaw } from "./test-database.ts";

const MAIN = new URL("../src/main.ts", import.meta.url).pathname;
const unshare = needs("unshare");
/** Whether this machine lets a test have separate disks, and the database is a file there. */
const hasDisks =
  !onPostgres &&
  unshare !== undefined &&
  Bun.spawnSync([unshare, "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).exitCode === 0;

let server: ServerProcess | TestServer | undefined;
afterEach(async () => {
  if (server instanceof TestServer) await server.stop();
  else await server?.remove();
});

/** Asks as load balancers do, but faster, until the answer is this one. */
async function untilReady(url: string, status: 200 | 503): Promise<{ code?: string; state?: string }> {
  const deadlineMs = uptimeMs() + 20_000;
  for (;;) {
    const reply = await fetch(`${url}/readyz`);
    const body = (await reply.json()) as { code?: string; state?: string };
    if (reply.status === status) return body;
    if (uptimeMs() > deadlineMs) throw new Error(`/readyz did not become ${status}: ${JSON.stringify(body)}`);
  }
}

async function roomOf(person: Person): Promise<number> {
  return (await person.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [] })).id;
}

const send = (person: Person, roomId: number, clientId: string, content: string) =>
  person.api.call("POST", `/rooms/${roomId}/messages`, { clientId, type: 1, body: { content } });

const REFUSED = {
  status: 503,
  body: { code: "overloaded", detail: "The server cannot use its storage at the moment" },
};

test.skipIf(!hasDisks)(
  "HTTP-50: with the disk full writes are 503, reads go on, /readyz is 503, and it gets well by itself",
  async () => {
    server = new ServerProcess({ LOG_LEVEL: "warn" }, { diskMiB: 16 });
    await server.start();
    const { url, disk } = server;
    const ann = await signUp(url, "ann");
    const room = await roomOf(ann);
    const stored: string[] = [];
    const ballast = join(disk, "ballast");
    fillDisk(ballast);
    let refused: Awaited<ReturnType<typeof send>> | undefined;
    for (let n = 0; refused === undefined; n++) {
      const reply = await send(ann, room, `m${n}`, "x".repeat(4000));
      if (reply.status === 201) stored.push(`m${n}`);
      else refused = reply;
    }
    expect(refused).toMatchObject(REFUSED);
    expect(refused.headers.get("Retry-After")).toBe("5");
    expect(await untilReady(url, 503)).toMatchObject({ code: "not_ready", state: "storage_fails" });
    // Several sends at once share a batch, and are refused like one.
    const several = await Promise.all(
      ["a", "b", "c"].map((name) => ann.api.call("POST", "/rooms", { name, memberIds: [] })),
    );
    for (const one of several) expect(one).toMatchObject(REFUSED);
    expect((await ann.api.call("GET", "/me")).status).toBe(200);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);

    rmSync(ballast);
    await untilReady(url, 200);
    const last = `m${stored.length}`;
    expect((await send(ann, room, last, "again")).status).toBe(201);
    const { items } = await ann.api.ok<{ items: { message: { clientId: string } }[] }>(
      "GET",
      `/rooms/${room}/messages?limit=100`,
    );
    expect(items.map(({ message }) => message.clientId)).toEqual([...stored, last].slice(-100));
    expect(await server.stop()).toBe(0);
    expect(server.output.match(/nothing can be stored/g)).toHaveLength(1);
    expect(server.output.match(/can be stored again/g)).toHaveLength(1);
    expect(server.output).toContain("its disk is full");
    expect(server.output).not.toContain("request failed");
  },
  60_000,
);

/** What another program does so that nobody else can write, and what is said about it. */
const LOCK = onPostgres ? ["begin", "select pos from log for update"] : ["begin immediate"];
const LOCKED = onPostgres ? "did not get the log's lock" : "is locked by another program";

test("HTTP-50: while another program locks the database writes are 503, and then all is well again", async () => {
  server = await TestServer.start();
  const { url, log } = server;
  const ann = await server.person("ann");
  const room = await roomOf(ann);
  const other = await openRaw(server.place);
  for (const text of LOCK) await other.rows(text);
  const refused = await send(ann, room, "one", "hello");
  expect(refused).toMatchObject(REFUSED);
  expect(refused.headers.get("Retry-After")).toBe("5");
  expect(await untilReady(url, 503)).toMatchObject({ code: "not_ready", state: "storage_fails" });
  expect(log.filter((line) => line.includes(LOCKED))).toHaveLength(1);
  await other.rows("commit");
  await other.close();
  await untilReady(url, 200);
  expect((await send(ann, room, "one", "hello")).status).toBe(201);
}, 60_000);

test.skipIf(!hasDisks).each([0, 16, 32, 36])(
  "HTTP-50: a start with a database and %d KiB of disk left says so in one sentence",
  async (left) => {
    server = new ServerProcess();
    const dir = join(server.dir, "data");
    const script = `
    mkdir -p "$1" && mount -t tmpfs -o size=4m tmpfs "$1" && "$2" "$3" migrate >/dev/null || exit 99
    free=$(df -k --output=avail "$1" | tail -1)
    dd if=/dev/zero of="$1/ballast" bs=1k count=$((free - ${left})) status=none
    exec "$2" "$3" serve`;
    const child = Bun.spawn(["unshare", "-rm", "sh", "-c", script, "sh", dir, process.execPath, MAIN], {
      env: { PATH: process.env.PATH ?? "", HOST: "127.0.0.1", PORT: "0", DATA_DIR: dir, LOG_LEVEL: "error" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: 20_000,
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect([await child.exited, out]).toEqual([1, ""]);
    expect(err).toStartWith(`parley.db in ${dir} cannot grow, since its disk is full (SQLite: `);
    expect(err.trim().split("\n")).toHaveLength(1);
  },
  30_000,
);
