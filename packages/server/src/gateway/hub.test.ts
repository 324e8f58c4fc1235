import { expect, test } from "bun:test";
import { Connection } from "./connection.ts";
import { Hub } from "./hub.ts";

const ORIGIN = { ip: "", userAgent: "", address: "", anonymous: false, resume: false, idleMs: 0, connectedAt: 0 };
const UID = 20_000;

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
  // The same empty set that is given for users without an entry.
  expect(hub.ofUser(UID)).toBe(nobody);
  expect([hub.bind(two, UID), hub.ofUser(UID + 1).size]).toEqual([1, 1]);
  hub.unbind(two, UID);
  expect(hub.ofUser(UID)).toBe(nobody);
});
