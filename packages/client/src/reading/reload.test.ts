import { describe, expect, test } from "bun:test";
import { ParleyError } from "../api/parley-error.ts";
import { ClientCursor } from "./client-cursor.ts";
import { continueAfter, readState, reloadRequest } from "./reload.ts";

const EPOCH = "0123456789abcdef";
const everything = { everything: true, roomIds: [] };

test("SDK-31: rooms are read alone, each once; any other stream means everything", () => {
  const of = (...streams: string[]) => reloadRequest(streams.map((stream) => ({ stream })));
  expect(of("room:7", "room:8", "room:7")).toEqual({ everything: false, roomIds: [7, 8] });
  for (const other of ["*", "all", "user:7"]) expect(of("room:7", other)).toEqual(everything);
});

describe("where events go on", () => {
  const rig = () => {
    const cursor = new ClientCursor(`${EPOCH};*@100,room:7@20,room:8@4`);
    const after = (resyncs: { stream: string; seq?: number }[], rooms: { id: number; seq: number | null }[]) => {
      const given = resyncs.map((one) => ({ ...one, why: "far" as const }));
      continueAfter(cursor, reloadRequest(given), {
        resyncs: given as never,
        reloaded: { asOf: `${EPOCH};*@300`, rooms },
      });
      return cursor;
    };
    return { after };
  };

  test.each([
    ["the state is newer", 30, 35, 35],
    ["the RESYNC is newer", 30, 25, 30],
    ["the room is empty", 30, null, 30],
  ] as const)("SDK-31: behind the newer one of RESYNC and state: %s", (_, resync, state, goesOn) => {
    const { after } = rig();
    const cursor = after([{ stream: "room:7", seq: resync }], [{ id: 7, seq: state }]);
    expect([cursor.seen("room:7"), cursor.seen("room:8")]).toEqual([goesOn, 4]);
    expect(cursor.text).toBe(`${EPOCH};*@100,room:7@${goesOn},room:8@4`);
  });

  test("SDK-31: a room that is gone goes on where the RESYNC says", () => {
    expect(
      rig()
        .after([{ stream: "room:7", seq: 30 }], [])
        .seen("room:7"),
    ).toBe(30);
  });

  test("SDK-31: a stream that is behind may go back", () => {
    expect(
      rig()
        .after([{ stream: "room:7", seq: 3 }], [])
        .seen("room:7"),
    ).toBe(3);
  });

  test("SDK-30: after everything was read nothing earlier counts, and what the rooms contain does", () => {
    const cursor = rig().after([{ stream: "*" }], [{ id: 7, seq: 50 }]);
    expect([cursor.seen("room:7"), cursor.seen("room:8")]).toEqual([50, undefined]);
    expect(cursor.text).toBe(`${EPOCH};*@300,room:7@50`);
  });
});

describe("reading state", () => {
  const room = (id: number, unread: number) => ({ id, unread, seq: 1 });
  /** Pages of one read; `asOf` of each tells the moment. */
  type Page = { asOf: string; items: object[]; nextCursor: string | null };
  const reading = (pages: readonly Page[]) => {
    const asked: unknown[] = [];
    const left = [...pages];
    const read = async (route: string, args: { query?: { cursor?: string } }) => {
      if (route === "GET /me") return { uid: 1 };
      if (route === "GET /unread") return { total: 99, rooms: [], friendRequests: 2, notifications: 3, asOf: "9" };
      asked.push(args.query?.cursor);
      return left.shift();
    };
    return { asked, state: () => readState(read as never, everything) };
  };

  test("SDK-30: pages of one moment are read once; what is unread is counted from them", async () => {
    const { asked, state } = reading([
      { asOf: "1", items: [room(9, 2), room(3, 0)], nextCursor: "b" },
      { asOf: "1", items: [room(4, 5)], nextCursor: null },
    ]);
    const { asOf, unread, rooms, me } = await state();
    expect([asked, asOf, rooms.length, me]).toEqual([[undefined, "b"], "1", 3, { uid: 1 } as never]);
    expect(unread).toMatchObject({
      total: 7,
      rooms: [
        { roomId: 4, unread: 5 },
        { roomId: 9, unread: 2 },
      ],
      asOf: "1",
    });
  });

  test("SDK-30: pages of different moments are read again, 5 times at most; events go on behind the first page", async () => {
    const torn = (n: number): Page[] => [
      { asOf: `${n}a`, items: [room(1, n)], nextCursor: "b" },
      { asOf: `${n}b`, items: [], nextCursor: null },
    ];
    const { asked, state } = reading([1, 2, 3, 4, 5, 6].flatMap(torn));
    expect((await state()).asOf).toBe("5a");
    expect(asked).toHaveLength(10);
  });

  test.each(["not_found", "forbidden"])(
    "SDK-31: a room that answers %s has no state; any other failure is one",
    async (code) => {
      const answer = async (_: string, { path }: { path: { id: number } }) => {
        if (path.id === 7) throw new ParleyError(404, { code });
        return { id: path.id, seq: 4, asOf: "1" };
      };
      const rooms = { everything: false, roomIds: [7, 8] };
      expect((await readState(answer as never, rooms)).rooms).toMatchObject([{ id: 8 }]);
      const failing = () => Promise.reject(new ParleyError(500));
      expect(await readState(failing as never, rooms).catch((error) => error.status)).toBe(500);
    },
  );
});
