import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { roomStream } from "@parley/protocol";
import { say } from "../harness.ts";
import { haproxy, nginx, type ProxyKind, ReverseProxy } from "../reverse-proxy.ts";
import { type RawDatabase, withRaw } from "../test-database.ts";
import { shortPollByGet } from "./polling.ts";
import type { Transport } from "./reader.ts";
import { events, range, resyncs, Stage, streamOf, texts } from "./stage.ts";
import { TRANSPORTS, through } from "./transports.ts";

const ROOMS = 5000;
const FIRST = 10_000;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
  await withRaw(stage.server.place, async (raw) => {
    for (const table of ["rooms", "members", "room_reads"]) await copies(raw, table);
  });
}, 60_000);
afterAll(() => stage.close());

const READERS: readonly { name: string; bare: Transport }[] = [
  ...TRANSPORTS.map((bare) => ({ name: bare.name, bare })),
  { name: "short-poll by GET", bare: shortPollByGet },
];

/** How a client connects to the server. */
const WAYS: readonly { way: string; kind?: ProxyKind }[] = [
  { way: "directly" },
  { way: "through nginx", kind: nginx },
  { way: "through haproxy", kind: haproxy },
];

for (const { way, kind } of WAYS) {
  describe.skipIf(kind !== undefined && !kind.program)(way, () => {
    let proxy: ReverseProxy | undefined;
    let url: string;
    beforeAll(async () => {
      proxy = kind && (await ReverseProxy.start(kind, stage.server.url));
      url = proxy?.url ?? stage.server.url;
    }, 30_000);
    afterAll(() => proxy?.stop());

    for (const { name, bare } of READERS) {
      test(`TR-11: ${name}: people in 5 000 rooms read them live, and resume with a short cursor`, async () => {
        const transport = through(url, bare);
        const some = range(1, 60).map((i) => FIRST + i * 80);
        const reader = await stage.read(transport);
        await Promise.all(some.slice(0, 20).map((room) => say(stage.ann, room, `${way} ${name} live`)));
        await stage.settle(reader);
        expect(events(reader)).toHaveLength(21);
        await reader.until(() => reader.cursor().length < 4096, "a short cursor");
        const cursor = reader.cursor();
        reader.close();

        await Promise.all(some.map((room) => say(stage.ann, room, `${way} ${name} missed`)));
        const again = await stage.read(transport, { cursor });
        await stage.settle(again);
        expect(resyncs(again)).toEqual([]);
        for (const room of some) expect(texts(again, room)).toEqual([`${way} ${name} missed`]);
        // The other rooms are live too.
        await say(stage.ann, FIRST + 4999, "the last room");
        await again.until((frames) => events({ frames }, streamOf(FIRST + 4999)).length > 0, "the last room's event");
        again.close();
      }, 20_000);

      test(`TR-11: ${name}: the longest cursor that the server makes comes through`, async () => {
        const cursor = nearly4KiB(await stage.now());
        const reader = await stage.read(through(url, bare), { cursor });
        await stage.settle(reader);
        expect([resyncs(reader), events(reader)].map(({ length }) => length)).toEqual([0, 1]);
        reader.close();
      }, 20_000);
    }
  });
}

describe("something is said in each of 5 000 rooms", () => {
  let cursor: string;
  beforeAll(async () => {
    cursor = await stage.now();
    await sayEverywhere("once");
  }, 60_000);

  for (const transport of TRANSPORTS) {
    test(`TR-11: ${transport.name}: a reader who was away gets all of it`, async () => {
      const reader = await stage.read(transport, { cursor });
      await stage.settle(reader);
      expect(resyncs(reader)).toEqual([]);
      const rooms = events(reader).filter(({ stream }) => stream !== streamOf(stage.lobby));
      expect(new Set(rooms.map(({ stream }) => stream)).size).toBe(ROOMS);
      expect(rooms).toHaveLength(ROOMS);
      await reader.until(() => reader.cursor().length < 4096, "a short cursor");
      reader.close();
    }, 20_000);
  }

  test("TR-11, CUR-6: three times in each is too much: one RESYNC for everything, and a short cursor", async () => {
    for (const text of ["twice", "thrice"]) await sayEverywhere(text);
    for (const transport of TRANSPORTS) {
      const reader = await stage.read(transport, { cursor });
      // What is said before its start is read lies before the cursor of RESYNC.
      await reader.until((frames) => resyncs({ frames }).length > 0, "RESYNC");
      await stage.settle(reader);
      expect(resyncs(reader)).toMatchObject([{ stream: "*", why: "far" }]);
      expect(reader.cursor().length).toBeLessThan(4096);
      reader.close();
    }
  }, 120_000);
});

async function sayEverywhere(text: string): Promise<void> {
  for (let at = FIRST; at < FIRST + ROOMS; at += 250) {
    await Promise.all(range(at, at + 249).map((room) => say(stage.ann, room, text)));
  }
}

/** A floor, and as many silent rooms as the server would name. */
function nearly4KiB(floor: string): string {
  const quiet = range(1, 300).filter((i) => i % 80 > 0);
  const named = quiet.map((i) => `${roomStream(FIRST + i)}@0`).join(",");
  const cursor = `${floor},${named}`.slice(0, 4095);
  return cursor.slice(0, cursor.lastIndexOf(","));
}

/** Copies the lobby's rows of a table for each of the rooms; nothing was said there yet, and joining was long ago. */
async function copies({ rows }: RawDatabase, table: string): Promise<void> {
  const key = table === "rooms" ? "id" : "room_id";
  const isZero = (name: string) => /^(?!from_).*(_seq|_pos|_no|no)$/.test(name);
  const [row = {}] = await rows(`select * from ${table} where ${key} = ?`, stage.lobby);
  const names = Object.keys(row);
  const copied = names.map((name) => {
    if (name === key) return "copy";
    return isZero(name) ? `case when old.${name} is null then null else 0 end` : `old.${name}`;
  });
  await rows(
    `with recursive copies(copy) as (select ${FIRST} union all select copy + 1 from copies where copy < ${FIRST + ROOMS - 1})
     insert into ${table} (${names}) select ${copied} from copies, ${table} as old where old.${key} = ?`,
    stage.lobby,
  );
}
