import { describe, expect, test } from "bun:test";
import { withDeadline } from "../lib/interval.ts";
import { Connection, type ConnectionOrigin, type ConnectionState } from "./connection.ts";
import type { Wire } from "./wire.ts";

const ORIGIN: ConnectionOrigin = {
  id: "1",
  ip: "203.0.113.9",
  userAgent: "test",
  address: "",
  anonymous: false,
  resume: true,
  idleMs: 0,
  connectedAt: 0,
};

/** A connection whose wire holds what a test says. */
function rig() {
  const wire = { queued: 0 };
  const connection = new Connection(ORIGIN);
  connection.opened({ getBufferedAmount: () => wire.queued } as Wire);
  return { connection, wire };
}

const login = undefined;

describe("DR-5: what a connection's client has", () => {
  test.each<[string, ConnectionState]>([
    ["now", { kind: "anonymous" }],
    ["now", { kind: "live", login }],
    ["now", { kind: "authorizing", waiting: [], login }],
    ["theirs", { kind: "authorizing", waiting: [], login, cursor: "theirs" }],
    ["READY's", { kind: "awaiting-resume", login, deadline: 0, cursor: "READY's" }],
    ["so far", { kind: "catching-up", login, cursor: () => "so far", done: Promise.resolve() }],
  ])("is %s in the state %j", (has, state) => {
    const { connection } = rig();
    connection.state = state;
    expect(connection.cursor("now")).toBe(has);
  });
});

describe("GW-50: waiting until the socket has taken everything", () => {
  const within = (promise: Promise<void>) => withDeadline(promise, 1_000, "not drained");
  const isDone = (promise: Promise<void>) => Promise.race([promise.then(() => true), Promise.resolve(false)]);

  test("ends at once where nothing is queued, and where the connection has ended", async () => {
    const { connection, wire } = rig();
    await within(connection.drained());
    wire.queued = 1;
    connection.ended();
    await within(connection.drained());
  });

  test("ends when the socket says so, and when the connection ends", async () => {
    for (const end of [(one: Connection) => one.onDrained(), (one: Connection) => one.ended()]) {
      const { connection, wire } = rig();
      wire.queued = 1;
      const drained = connection.drained();
      expect(await isDone(drained)).toBe(false);
      end(connection);
      await within(drained);
    }
  });
});

test("GW-50: what a connection has to clean up is cleaned up once", () => {
  const { connection } = rig();
  let cleaned = 0;
  connection.onClosed.push(() => cleaned++);
  connection.ended();
  connection.ended();
  expect([cleaned, connection.closed, connection.login]).toEqual([1, true, undefined]);
});
