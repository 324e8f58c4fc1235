import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { StillTime } from "../../test/still-time.ts";
import { LOCAL_RATES } from "../limits/limits.ts";
import { LocalRate } from "../limits/local-rate.ts";
import { rateLimited } from "../limits/rate-limited.ts";
import { Admission } from "./admission.ts";
import { type ConnectedLogin, Connection } from "./connection.ts";

const IP = "203.0.113.9";
const GOOD = "good";
const LOGIN: ConnectedLogin = { loginId: 1, uid: 20_000, power: 0, name: "ann", avatar: "", expiresAt: 0 };

let time: StillTime;
let full: boolean;
let elsewhere: Map<string, number>;
let admission: Admission;
let looked: string[];
let mayStart: boolean;

function make({ burst = 50, enabled = true } = {}): Admission {
  return new Admission({
    handshakes: new LocalRate({ ...LOCAL_RATES.handshakes, burst }, { enabled }),
    handshakesOfNetwork: new LocalRate({ ...LOCAL_RATES.handshakesOfNetwork, burst: 5 * burst }, { enabled }),
    findLogin: async (token) => {
      looked.push(token);
      return token === GOOD ? LOGIN : undefined;
    },
    starts: {
      check: (uid) => {
        if (uid === LOGIN.uid && !mayStart) throw rateLimited("starts", 200);
      },
    },
    anonymousElsewhere: (key) => elsewhere.get(key) ?? 0,
    isFull: () => full,
  });
}

beforeEach(() => {
  time = new StillTime();
  full = false;
  elsewhere = new Map();
  mayStart = true;
  looked = [];
  admission = make();
});

afterEach(() => time[Symbol.dispose]());

/** A connection that came in, and the codes with which it was closed. */
function connect(ip = IP, { anonymous = true } = {}) {
  const closes: [number, string][] = [];
  const connection = new Connection({
    ...{ id: "c", ip, userAgent: "", address: "", anonymous, resume: false, idleMs: 0, connectedAt: 0 },
  });
  connection.opened({ close: (code: number, reason: string) => void closes.push([code, reason]) } as never);
  return { connection, closes };
}

/** The problem with which something is refused. */
async function refusal(act: () => unknown): Promise<unknown> {
  try {
    await act();
    return undefined;
  } catch (error) {
    const { code, retryAfterMs } = error as { code: string; retryAfterMs: number };
    return { code, retryAfterMs };
  }
}

describe("GW-45: handshakes of an address", () => {
  test("are fifty at once and ten a second, then refused with the time to wait", async () => {
    for (let i = 0; i < 50; i++) await admission.admit(IP, null);
    expect(await refusal(() => admission.admit(IP, null))).toEqual({ code: "rate_limited", retryAfterMs: 100 });
    expect(await refusal(() => admission.admit("203.0.113.10", null))).toBeUndefined();
    time.advance(100);
    await admission.admit(IP, null);
    expect(await refusal(() => admission.admit(IP, null))).toBeDefined();
  });

  test("with a valid token are not counted, and pass whatever others did", async () => {
    for (let i = 0; i < 60; i++) await admission.admit(IP, "anything");
    expect(looked).toEqual([]);
    for (let i = 0; i < 50; i++) await admission.admit(IP, null);
    expect(await refusal(() => admission.admit(IP, "bad"))).toMatchObject({ code: "rate_limited" });
    expect(await refusal(() => admission.admit(IP, GOOD))).toBeUndefined();
    expect(looked).toEqual(["bad", GOOD]);
  });

  test("GW-90: refused starts count, and beyond it the handshakes of people who would be refused again are 429", async () => {
    mayStart = false;
    for (let i = 0; i < 50; i++) expect(admission.allowRefusedStart(connect().connection)).toBe(true);
    expect(admission.allowRefusedStart(connect().connection)).toBe(false);
    expect(await refusal(() => admission.admit(IP, GOOD))).toEqual({ code: "rate_limited", retryAfterMs: 200 });
    expect(await refusal(() => admission.admit("203.0.113.10", GOOD))).toBeUndefined();
    mayStart = true;
    expect(await refusal(() => admission.admit(IP, GOOD))).toBeUndefined();
  });

  test("of an IPv6 network, of which one client may have all addresses, are 250 at once and 50 a second, bad tokens among them", async () => {
    const ip = (n: number, network = 0) => `2001:db8:${network}:${n.toString(16)}::1`;
    for (let n = 0; n < 200; n++) await admission.admit(ip(n), null);
    for (let n = 0; n < 25; n++) admission.countBadToken(ip(n));
    for (let n = 0; n < 25; n++) expect(admission.allowBadToken(connect(ip(n)).connection)).toBe(true);
    expect(await refusal(() => admission.admit(ip(300), null))).toEqual({ code: "rate_limited", retryAfterMs: 20 });
    expect(await refusal(() => admission.admit(ip(301), "bad"))).toMatchObject({ code: "rate_limited" });
    expect(await refusal(() => admission.countBadToken(ip(302)))).toMatchObject({ code: "rate_limited" });
    expect(admission.allowBadToken(connect(ip(303)).connection)).toBe(false);
    expect(admission.allowRefusedStart(connect(ip(304)).connection)).toBe(false);
    expect(await refusal(() => admission.admit(ip(305), GOOD))).toBeUndefined();
    expect(await refusal(() => admission.admit(ip(0, 1), null))).toBeUndefined();
    // What the limit of the network refused counts for no address.
    time.advance(10_000);
    for (let n = 0; n < 50; n++) await admission.admit(ip(300), null);
  });

  test("are those of a /64 in IPv6", async () => {
    for (let i = 0; i < 50; i++) await admission.admit(`2001:db8::${i.toString(16)}`, null);
    expect(await refusal(() => admission.admit("2001:db8::ffff", null))).toBeDefined();
    expect(await refusal(() => admission.admit("2001:db8:0:1::1", null))).toBeUndefined();
  });
});

describe("GW-44: anonymous connections of an address", () => {
  beforeEach(() => {
    admission = make({ enabled: false });
  });

  const open = (ip = IP) => {
    const { connection } = connect(ip);
    expect(admission.opened(connection)).toBe(true);
    return connection;
  };

  test("are 200 on all nodes together", async () => {
    elsewhere.set(IP, 150);
    const connections = Array.from({ length: 50 }, () => open());
    const refused = { code: "rate_limited", retryAfterMs: 10_000 };
    expect(await refusal(() => admission.admit(IP, null))).toEqual(refused);
    expect(admission.anonymous).toEqual(new Map([[IP, 50]]));
    elsewhere.set(IP, 149);
    expect(await refusal(() => admission.admit(IP, null))).toBeUndefined();
    for (const connection of connections) for (const closed of connection.onClosed) closed();
    expect(admission.anonymous.size).toBe(0);
  });

  test("are a thousand of an IPv6 network, until they end", async () => {
    const ip = (n: number) => `2001:db8:0:${(n % 10).toString(16)}::1`;
    const connections = Array.from({ length: 999 }, (_, n) => open(ip(n)));
    const leave = admission.enterAnonymous(ip(999));
    const refused = { code: "rate_limited", retryAfterMs: 10_000 };
    expect(await refusal(() => admission.admit("2001:db8:0:77::1", null))).toEqual(refused);
    expect(await refusal(() => admission.enterAnonymous("2001:db8:0:77::1"))).toEqual(refused);
    expect(admission.allowBadToken(connect("2001:db8:0:77::1", { anonymous: false }).connection)).toBe(false);
    expect(await refusal(() => admission.admit("2001:db8:1:77::1", null))).toBeUndefined();
    leave();
    await admission.admit("2001:db8:0:77::1", null);
    for (const { onClosed } of connections.slice(0, 5)) for (const end of onClosed) end();
    for (let n = 0; n < 6; n++) open("2001:db8:0:77::1");
    expect(await refusal(() => admission.admit("2001:db8:0:78::1", null))).toEqual(refused);
  });

  test("are counted one by one: of those that leave nobody else's place goes along", async () => {
    for (let round = 0; round < 199; round++) {
      admission.enterAnonymous(IP);
      admission.enterAnonymous(IP)();
    }
    const last = admission.enterAnonymous(IP);
    expect(await refusal(() => admission.enterAnonymous(IP))).toBeDefined();
    last();
    admission.enterAnonymous(IP);
  });

  test("are two hundred, by any transport, until they end or sign in", async () => {
    const connections = Array.from({ length: 198 }, () => open());
    const leave = [admission.enterAnonymous(IP), admission.enterAnonymous(IP)];
    for (const act of [() => admission.admit(IP, null), () => admission.enterAnonymous(IP)]) {
      expect(await refusal(act)).toEqual({ code: "rate_limited", retryAfterMs: 10_000 });
    }
    await admission.admit("203.0.113.10", null);
    leave[0]?.();
    leave[0]?.();
    await admission.admit(IP, null);
    connections[0]?.ended();
    connections[1]?.onSignedIn?.();
    connections[1]?.ended();
    // Three have ended: each counts once, however it ended.
    for (let i = 0; i < 3; i++) open();
    expect(await refusal(() => admission.admit(IP, null))).toBeDefined();
  });

  test("and none is left of those who have gone", async () => {
    for (let round = 0; round < 3; round++) {
      const connections = Array.from({ length: 200 }, () => open());
      expect(await refusal(() => admission.admit(IP, null))).toBeDefined();
      for (const connection of connections) connection.ended();
      expect(await refusal(() => admission.admit(IP, null))).toBeUndefined();
    }
  });

  test("do not count those of signed-in people", async () => {
    for (let i = 0; i < 250; i++) expect(admission.opened(connect(IP, { anonymous: false }).connection)).toBe(true);
    expect(await refusal(() => admission.admit(IP, null))).toBeUndefined();
  });

  test("count one whose token was not valid, once", async () => {
    const bad = Array.from({ length: 200 }, () => connect(IP, { anonymous: false }).connection);
    for (const connection of bad) expect(admission.allowBadToken(connection)).toBe(true);
    for (const connection of bad) expect(admission.allowBadToken(connection)).toBe(true);
    expect(admission.allowBadToken(connect(IP, { anonymous: false }).connection)).toBe(false);
    expect(await refusal(() => admission.admit(IP, null))).toBeDefined();
    for (const connection of bad) connection.ended();
    expect(await refusal(() => admission.admit(IP, null))).toBeUndefined();
  });
});

test("GW-45: a token that is not valid counts as a handshake; above the limit it ends its connection", () => {
  const { connection } = connect();
  admission.opened(connection);
  for (let i = 0; i < 50; i++) expect(admission.allowBadToken(connection)).toBe(true);
  expect(admission.allowBadToken(connection)).toBe(false);
  time.advance(100);
  expect(admission.allowBadToken(connection)).toBe(true);
});

test("GW-43: over the process's cap a connection is closed with 1013 and the time to come back, and not counted", async () => {
  admission = make({ enabled: false });
  full = true;
  for (let i = 0; i < 300; i++) {
    const { connection, closes } = connect();
    expect(admission.opened(connection)).toBe(false);
    expect(closes).toEqual([[1013, "retry=5000"]]);
  }
  full = false;
  expect(await refusal(() => admission.admit(IP, null))).toBeUndefined();
});
