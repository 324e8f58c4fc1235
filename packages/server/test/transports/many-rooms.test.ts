import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { say } from "../harness.ts";
import { events, range, resyncs, Stage, streamOf, texts } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

const ROOMS = 5000;
const FIRST = 10_000;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
  const file = new Database(join(stage.server.dir, "data", "parley.db"));
  file.run("pragma busy_timeout = 5000");
  file.transaction(() => {
    for (const table of ["rooms", "members", "room_reads"]) copies(file, table);
  })();
  file.close();
}, 20_000);
afterAll(() => stage.close());

for (const transport of TRANSPORTS) {
  test(`TR-11: ${transport.name}: who is in 5 000 rooms reads them live, and resumes with a short cursor`, async () => {
    const some = range(1, 60).map((i) => FIRST + i * 80);
    const reader = await stage.read(transport);
    await Promise.all(some.slice(0, 20).map((room) => say(stage.ann, room, `${transport.name} live`)));
    await stage.settle(reader);
    expect(events(reader)).toHaveLength(21);
    await reader.until(() => reader.cursor().length < 4096, "a short cursor");
    const cursor = reader.cursor();
    reader.close();

    await Promise.all(some.map((room) => say(stage.ann, room, `${transport.name} missed`)));
    const again = await stage.read(transport, { cursor });
    await stage.settle(again);
    expect(resyncs(again)).toEqual([]);
    for (const room of some) expect(texts(again, room)).toEqual([`${transport.name} missed`]);
    // The rest of the rooms is live too.
    await say(stage.ann, FIRST + 4999, "the last room");
    await again.until((frames) => events({ frames }, streamOf(FIRST + 4999)).length > 0, "the last room's event");
    again.close();
  }, 20_000);
}

/** The lobby's rows of a table, once for each of the rooms; nothing was said there yet, and joining was long ago. */
function copies(file: Database, table: string): void {
  const key = table === "rooms" ? "id" : "room_id";
  const zero = /^(?!from_).*(_seq|_pos|_no|no)$/;
  for (const row of file.query(`select * from ${table} where ${key} = ?`).all(stage.lobby) as Record<
    string,
    string | number | null
  >[]) {
    const names = Object.keys(row);
    const values = names.map((name) => (zero.test(name) && row[name] !== null ? 0 : (row[name] ?? null)));
    const insert = file.query(`insert into ${table} (${names}) values (${names.map(() => "?")})`);
    for (const id of range(FIRST, FIRST + ROOMS - 1)) insert.run(...values.with(names.indexOf(key), id));
  }
}
