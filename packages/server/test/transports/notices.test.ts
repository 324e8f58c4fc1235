import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ManualClock } from "../../src/lib/clock.ts";
import type { Person } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import { type Door, openDoor } from "../server-door.ts";
import type { Reader } from "./reader.ts";
import { events, resyncs, Stage } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

const clock = new ManualClock();
let stage: Stage;
let door: Door;
let made = 0;
beforeAll(async () => {
  stage = await Stage.open({}, { clock });
  door = await openDoor(stage.server, "shop");
}, 30_000);
afterAll(() => stage.close());

const notify = (people: readonly Person[] | "all", more: object = {}) => {
  const to = people === "all" ? { all: true } : { users: people.map(({ uid }) => uid) };
  const body = { kind: "approval", title: "A request", text: "", to, ...more };
  return door.ok<{ id: number }>("POST", "/notifications", body);
};
const push = (to: object, data: unknown, more: object = {}) =>
  door.ok("POST", "/events", { kind: "shipped", to, data, ...more });

/** What a reader got from the product, in order. */
const told = (reader: Reader): SeenFrame[] =>
  events(reader).filter(({ type }) => type === Push.NOTIFICATION || type === Push.CUSTOM);
const summary = ({ stream, data }: SeenFrame) => [
  stream?.split(":")[0],
  "removed" in data ? "removed" : "title" in data ? data.title : data.data,
];

for (const transport of TRANSPORTS) {
  describe(transport.name, () => {
    test("EVT-2, NTF-8, TR-1: live, what the product says comes once and in order, among messages", async () => {
      const { ann, ben } = stage;
      made += 1;
      const room = await stage.room();
      const reader = await stage.read(transport);
      const key = `live-${made}`;
      // A reader that polls would get the latest state of what has changed meanwhile.
      const had = (count: number) => reader.until(() => told(reader).length >= count, `${count} of them`);
      await push({ users: [ben.uid, ann.uid] }, 1);
      await push({ rooms: [room] }, 2);
      await notify([ann, ben], { key, collapseKey: key });
      await notify("all", { title: "Tonight", ttl: 3600 });
      await had(4);
      await notify([ben], { title: "Another", key, collapseKey: key });
      await push({ all: true }, 3, { ttl: 60 });
      await had(7);
      await door.ok("PUT", `/notifications/approval/${key}/done`);
      await had(8);
      await door.ok("DELETE", `/notifications/approval/${key}`);
      await stage.settle(reader);
      expect(told(reader).map(summary)).toEqual([
        ["user", 1],
        ["room", 2],
        ["user", "A request"],
        ["all", "Tonight"],
        ["user", "removed"],
        ["user", "Another"],
        ["all", 3],
        ["user", "Another"],
        ["user", "removed"],
      ]);
      expect(
        told(reader)
          .map(({ data }) => data.done === true)
          .filter(Boolean),
      ).toHaveLength(1);
    });

    test("EVT-7, EVT-8, NTF-6, NTF-7, NTF-10, TR-2: away, nothing comes of what was taken back, replaced or has expired", async () => {
      const { ann, ben } = stage;
      made += 1;
      const [room, cursor, key] = [await stage.room(), await stage.now(), `away-${made}`];
      await push({ users: [ben.uid] }, "kept");
      await push({ users: [ben.uid] }, "SECRET", { ttl: 5 });
      await push({ rooms: [room] }, "SECRET", { collapseKey: key });
      await push({ rooms: [room] }, "newest", { collapseKey: key });
      await notify([ann, ben], { title: "SECRET", collapseKey: key });
      await notify([ben], { title: "stays", collapseKey: key });
      await notify("all", { title: "SECRET", ttl: 5 });
      await notify([ben], { title: "SECRET", key });
      await notify("all", { title: "SECRET", key });
      const { id } = await notify([ben], { title: "SECRET" });
      // Somebody has read all of it meanwhile, so that it is in memory.
      const warm = await stage.read(transport, { cursor });
      await stage.settle(warm);
      expect(told(warm).filter((frame) => JSON.stringify(frame).includes("SECRET")).length).toBeGreaterThan(3);
      stage.closeReaders();
      await door.ok("DELETE", `/notifications/approval/${key}`);
      await door.ok("PATCH", `/notifications/${id}`, { title: "changed" });
      clock.advance(5000);
      const reader = await stage.read(transport, { cursor });
      await stage.settle(reader);
      expect(resyncs(reader)).toEqual([]);
      expect(JSON.stringify(told(reader))).not.toContain("SECRET");
      expect(told(reader).map(summary)).toEqual([
        ["user", "kept"],
        ["user", null],
        ["room", null],
        ["room", "newest"],
        ["user", "removed"],
        ["user", "removed"],
        ["user", "stays"],
        ["all", null],
        ["user", "removed"],
        ["all", "removed"],
        ["user", "changed"],
        ["user", "removed"],
        ["all", "removed"],
        ["user", "changed"],
      ]);
    });

    test("NTF-22, TR-2: what a person has done elsewhere comes by SELF, also to a device that was away", async () => {
      const person = await stage.person();
      const cursor = (await person.api.ok<{ cursor: string }>("GET", "/events")).cursor;
      const { id } = await notify([person]);
      await person.api.ok("PUT", "/notifications/seen", { upTo: id });
      await person.api.ok("PUT", "/notifications/archive", { ids: [id] });
      const reader = await stage.read(transport, { cursor }, person);
      await reader.until((frames) => frames.filter(({ type }) => type === Push.SELF).length === 2, "both");
      const counters = { unseen: 0, unreadNotifications: 0, friendRequests: 0 };
      expect(
        events(reader)
          .filter(({ type }) => type === Push.SELF)
          .map(({ data }) => data),
      ).toEqual([
        { notificationsSeen: id, unseen: 0, unreadNotifications: 1, friendRequests: 0 },
        { notificationsArchived: [id], ...counters },
      ]);
    });
  });
}
