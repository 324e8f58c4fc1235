import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Push } from "@parley/protocol";
import { type Person, signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { needs } from "./needs.ts";
import { ServerProcess } from "./server-process.ts";
import { onPostgres } from "./test-database.ts";
import { until } from "./webhook-receiver.ts";

const gcc = needs("gcc");
/** On PostgreSQL it is not the server that syncs. */
const canBeSlow = gcc !== undefined && !onPostgres;

let server: ServerProcess;
const dir = mkdtempSync(join(tmpdir(), "parley-slow-"));
/** While the first one is there syncs wait, and make the second one. */
const [hold, waits] = [join(dir, "hold"), join(dir, "waits")];

beforeAll(async () => {
  if (!canBeSlow) return;
  const library = join(dir, "held-sync.so");
  const source = new URL("./native/held-sync.c", import.meta.url).pathname;
  const built = Bun.spawnSync([gcc, "-shared", "-fPIC", "-o", library, source, "-ldl"]);
  if (built.exitCode !== 0) throw new Error(built.stderr.toString());
  server = new ServerProcess({ LD_PRELOAD: library, HELD_SYNC_HOLD: hold, HELD_SYNC_WAITS: waits });
  await server.start();
}, 60_000);
afterAll(async () => {
  await server?.remove();
  rmSync(dir, { recursive: true, force: true });
});

test.skipIf(!canBeSlow)(
  "LOG-9: while the disk syncs, requests are answered, commands handled and frames delivered",
  async () => {
    const [ann, ben] = (await Promise.all(["ann", "ben"].map((name) => signUp(server.url, name)))) as [Person, Person];
    const room = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [ben.uid] });
    const [annLive, benLive] = (await Promise.all(
      [ann, ben].map(({ token }) => LiveClient.open(server.url, { token })),
    )) as [LiveClient, LiveClient];
    await Promise.all([annLive.frame(Push.RED_DOT), benLive.frame(Push.RED_DOT)]);
    const send = (clientId: string) =>
      ann.api.ok("POST", `/rooms/${room.id}/messages`, { clientId, type: 1, body: { content: clientId } });

    await send("first");
    writeFileSync(hold, "");
    let answered = false;
    const second = send("second").then(() => {
      answered = true;
    });
    await until("the second one's sync runs", () => existsSync(waits));
    // This is the first one's push, though the second one's sync is running.
    await benLive.frame(Push.MESSAGE, ({ data }) => data.message.clientId === "first");
    for (let i = 0; i < 20; i++) await ben.api.ok("GET", `/rooms/${room.id}/messages`);
    annLive.send({ type: Command.TYPING, data: { roomId: room.id } });
    await benLive.frame(Push.TYPING);
    benLive.send("not json");
    await benLive.frame(Push.ERROR);
    expect(answered).toBe(false);
    expect(benLive.of(Push.MESSAGE)).toHaveLength(1);
    rmSync(hold);
    await second;
    await benLive.frame(Push.MESSAGE, ({ data }) => data.message.clientId === "second");
  },
  60_000,
);
