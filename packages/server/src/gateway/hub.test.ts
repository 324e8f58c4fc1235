import { expect, test } from "bun:test";
import { ChangeType, Push, userStream } from "@parley/protocol";
import type { LoggedEvent } from "../db/transaction.ts";
import { Connection, type ConnectionState } from "./connection.ts";
import { Hub } from "./hub.ts";

const ORIGIN = { ip: "", userAgent: "", address: "", anonymous: false, resume: false, idleMs: 0, connectedAt: 0 };
const UID = 20_000;

const login = { loginId: 1, uid: UID, power: 0, name: "", avatar: "", expiresAt: 0 } as const;
/** Every state in which somebody is signed in and gets nothing by the hub. */
const notLiveYet = (): ConnectionState[] => [
  { kind: "authorizing", waiting: [], login },
  { kind: "awaiting-resume", login, deadline: 0, cursor: "" },
  { kind: "catching-up", login, cursor: () => "", done: Promise.resolve() },
];

const all = (hub: Hub) => [...hub.ofUser(UID)].map(({ origin }) => origin.id);

test("a user has the connections that were bound to them, and nothing is kept of one whose connections have all ended", () => {
  const hub = new Hub("00000000000000aa");
  const nobody = hub.ofUser(UID);
  const [one, two, other] = ["1", "2", "3"].map((id) => new Connection({ ...ORIGIN, id })) as [
    Connection,
    Connection,
    Connection,
  ];
  expect([hub.bind(one, UID), hub.bind(two, UID), hub.bind(other, UID + 1)]).toEqual([1, 2, 1]);
  expect(all(hub)).toEqual(["1", "2"]);
  hub.unbind(one, UID);
  expect(all(hub)).toEqual(["2"]);
  hub.unbind(two, UID);
  // The same empty set that users without an entry get.
  expect(hub.ofUser(UID)).toBe(nobody);
  expect([hub.bind(two, UID), hub.ofUser(UID + 1).size]).toEqual([1, 1]);
  hub.unbind(two, UID);
  expect(hub.ofUser(UID)).toBe(nobody);
});

test("TR-21, GW-10: a user's own event reaches each of their live connections with its cursor, and none that is not live yet", () => {
  const hub = new Hub("00000000000000aa");
  const states: ConnectionState[] = [{ kind: "live", login }, ...notLiveYet(), { kind: "live", login }];
  const got: (readonly [number, string | undefined, unknown])[] = [];
  for (const [id, state] of states.entries()) {
    const connection = new Connection({ ...ORIGIN, id: `${id}` });
    const take = (frame: string, cursor?: string) => {
      const { data } = JSON.parse(frame);
      return got.push([id, cursor, data]);
    };
    connection.opened({ send: (frame: string) => take(frame), sendAt: take } as never);
    connection.state = state;
    hub.bind(connection, UID);
  }
  const event = { pos: 7, stream: userStream(UID), seq: 3, type: 108, data: '{"n":1}' } as LoggedEvent;
  hub.publish(event);
  hub.publishFrame(userStream(UID), '{"type":5,"data":{"n":2}}');
  const cursor = "00000000000000aa;*@7";
  expect(got).toEqual([
    [0, cursor, { n: 1 }],
    [4, cursor, { n: 1 }],
    [0, undefined, { n: 2 }],
    [4, undefined, { n: 2 }],
  ]);
});

test("GW-64: a joining subscribes the connections that are live, and none that is not live yet", () => {
  const hub = new Hub("00000000000000aa");
  const states: ConnectionState[] = [...notLiveYet(), { kind: "live", login }];
  const subscribed: (readonly [number, string])[] = [];
  for (const [id, state] of states.entries()) {
    const connection = new Connection({ ...ORIGIN, id: `${id}` });
    connection.opened({ subscribe: (topic: string) => subscribed.push([id, topic]) } as never);
    connection.state = state;
    hub.bind(connection, UID);
  }
  const data = JSON.stringify({ roomId: 7, uid: UID, changeType: ChangeType.joined });
  hub.publish({ pos: 9, stream: "room:7", seq: 1, type: Push.MEMBER_CHANGE, data } as LoggedEvent);
  expect(subscribed).toEqual([[3, "room:7"]]);
});
