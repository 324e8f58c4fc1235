import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ActiveStatus, Push } from "@parley/protocol";
import type { Person } from "../harness.ts";
import { signUp } from "../harness.ts";
import type { SeenFrame } from "../live-client.ts";
import { ServerProcess } from "../server-process.ts";
import type { Reader, Transport } from "./reader.ts";
import { Stage } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

interface Told {
  readonly changeList: readonly { readonly uid: number; readonly activeStatus: number; readonly lastOptTime: number }[];
  readonly onlineNum: number;
  readonly complete?: boolean;
}

/** Transports that carry frames that are not logged. */
const TELLING = TRANSPORTS.filter(({ name }) => name === "websocket" || name === "sse");

const told = (frames: readonly SeenFrame[]): Told[] =>
  frames.filter(({ type }) => type === Push.ONLINE_OFFLINE_NOTIFY).map(({ data }) => data);
/** What a reader got at the beginning, from the first such frame to the last one. */
const snapshot = (reader: Reader) =>
  reader.until((frames) => {
    const all = told(frames);
    const end = all.findIndex(({ complete }) => complete !== undefined);
    return end >= 0 && all.slice(0, end + 1);
  }, "who is online");
const namedIn = (frames: readonly Told[]) =>
  new Set(frames.flatMap(({ changeList }) => changeList.map(({ uid }) => uid)));
const saysOf = (reader: Reader, uid: number, activeStatus: number) =>
  reader.until(
    (frames) =>
      told(frames).some(({ changeList }) =>
        changeList.some((one) => one.uid === uid && one.activeStatus === activeStatus),
      ),
    `${uid} to be ${activeStatus}`,
  );

describe("people who are online", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open({ HALL: "public" });
    // This person shares a room with nobody.
    await stage.server.live(await stage.person());
  }, 30_000);
  afterAll(() => stage.close());

  for (const transport of TELLING) {
    const { name } = transport;

    test(`GW-82: ${name}: a reader is told who was online before, behind RED_DOT, and nobody whom they may not see`, async () => {
      const [cai, dan] = [await stage.person(), await stage.person()];
      const room = await stage.server.room(cai, [dan]);
      await stage.server.live(cai);
      const reader = await stage.read(transport, undefined, dan);
      const frames = await snapshot(reader);
      expect(namedIn(frames)).toEqual(new Set([cai.uid, dan.uid]));
      expect(frames.at(-1)).toMatchObject({ complete: true });
      expect(frames.at(-1)?.onlineNum).toBeGreaterThanOrEqual(3);
      const types = reader.frames.map(({ type }) => type);
      expect(types.indexOf(Push.ONLINE_OFFLINE_NOTIFY)).toBeGreaterThan(types.indexOf(Push.RED_DOT));
      expect(reader.frames.find(({ type }) => type === Push.ONLINE_OFFLINE_NOTIFY)).not.toContainKeys([
        "stream",
        "seq",
      ]);
      // Readers also hear of somebody who comes into the room later.
      const eva = await stage.person();
      await stage.server.live(eva);
      await cai.api.ok("POST", `/rooms/${room}/members`, { memberIds: [eva.uid] });
      await saysOf(reader, eva.uid, ActiveStatus.online);
    }, 20_000);

    test(`GW-82: ${name}: on a resumed connection they are told behind CURSOR live`, async () => {
      const [cai, dan] = [await stage.person(), await stage.person()];
      await stage.server.room(cai, [dan]);
      const { cursor } = await dan.api.ok<{ cursor: string }>("GET", "/events");
      await stage.server.live(cai);
      await cai.api.ok("POST", "/rooms", { name: "missed", memberIds: [dan.uid] });
      const reader = await stage.read(transport, { cursor }, dan);
      expect(namedIn(await snapshot(reader))).toEqual(new Set([cai.uid, dan.uid]));
      const live = reader.frames.findIndex(({ type, data }) => type === Push.CURSOR && data.live === true);
      const first = reader.frames.findIndex(({ type }) => type === Push.ONLINE_OFFLINE_NOTIFY);
      expect(live).toBeGreaterThan(0);
      expect(first).toBeGreaterThan(live);
    }, 20_000);

    test(`GW-82: ${name}: a second device is told as well, and a cut shorter than the grace is not told`, async () => {
      const [cai, dan] = [await stage.person(), await stage.person()];
      await stage.server.room(cai, [dan]);
      const watcher = await stage.read(transport, undefined, cai);
      const first = await stage.server.live(dan);
      await saysOf(watcher, dan.uid, ActiveStatus.online);
      const second = await stage.read(transport, undefined, dan);
      expect(namedIn(await snapshot(second))).toEqual(new Set([cai.uid, dan.uid]));
      first.close();
      await first.ended();
      second.close();
      const third = await stage.read(transport, undefined, dan);
      expect(namedIn(await snapshot(third))).toEqual(new Set([cai.uid, dan.uid]));
      const states = told(watcher.frames).flatMap(({ changeList }) => changeList.filter(({ uid }) => uid === dan.uid));
      expect(states.map(({ activeStatus }) => activeStatus)).not.toContain(ActiveStatus.offline);
    }, 20_000);

    test(`GW-87: ${name}: an anonymous reader of a public hall is told the number alone`, async () => {
      const reader = await stage.read(transport, undefined, null);
      // A round may tell the number before this.
      const frames = await snapshot(reader);
      expect(frames.at(-1)).toEqual({ changeList: [], onlineNum: expect.any(Number), complete: true });
      expect(frames.at(-1)?.onlineNum).toBeGreaterThan(0);
      const before = told(reader.frames).length;
      await stage.server.live(await stage.person());
      await reader.until((all) => told(all).length > before, "the next number");
      expect(namedIn(told(reader.frames)).size).toBe(0);
    }, 20_000);
  }

  for (const transport of TRANSPORTS) {
    test(`GW-81, TR-48: ${transport.name}: its readers are online, and ask over HTTP`, async () => {
      const [cai, dan] = [await stage.person(), await stage.person()];
      await stage.server.room(cai, [dan]);
      const watcher = await stage.read(TELLING[0] as Transport, undefined, cai);
      await stage.read(transport, undefined, dan);
      await saysOf(watcher, dan.uid, ActiveStatus.online);
      const { items, onlineNum } = await dan.api.ok<{ items: Told["changeList"]; onlineNum: number }>(
        "GET",
        `/presence?userIds=${cai.uid},${stage.ann.uid}`,
      );
      expect(items).toMatchObject([{ uid: cai.uid, activeStatus: 1 }]);
      expect(onlineNum).toBeGreaterThan(1);
    }, 20_000);
  }

  test("GW-82: AUTHORIZE on an anonymous connection brings who is online", async () => {
    const [cai, dan] = [await stage.person(), await stage.person()];
    await stage.server.room(cai, [dan]);
    await stage.server.live(cai);
    const live = await stage.server.connect();
    await live.frame(Push.ONLINE_OFFLINE_NOTIFY);
    live.send({ type: 3, data: { token: dan.token } });
    const own = await live.frame(Push.ONLINE_OFFLINE_NOTIFY, ({ data }) => data.changeList.length > 1);
    expect(namedIn([own.data])).toEqual(new Set([cai.uid, dan.uid]));
  }, 20_000);
});

test("GW-82: after kill -9 those who come back are told who is back, and nobody who is not", async () => {
  const server = new ServerProcess();
  await server.start();
  try {
    const [ann, ben, cai] = (await Promise.all(["ann", "ben", "cai"].map((name) => signUp(server.url, name)))) as [
      Person,
      Person,
      Person,
    ];
    await ann.api.ok("POST", "/rooms", { name: "g", memberIds: [ben.uid, cai.uid] });
    const open = (person: Person) => Promise.all(TELLING.map((transport) => transport.open(server.url, person)));
    const before = [...(await open(ann)), ...(await open(ben)), ...(await open(cai))];
    await saysOf(before[0] as Reader, cai.uid, ActiveStatus.online);
    await server.kill();
    await server.start();
    await open(ben);
    for (const reader of await open(ann)) {
      expect(namedIn(await snapshot(reader))).not.toContain(cai.uid);
      await reader.until((frames) => namedIn(told(frames)).has(ben.uid), "ben");
      reader.close();
    }
  } finally {
    await server.remove();
  }
}, 30_000);
