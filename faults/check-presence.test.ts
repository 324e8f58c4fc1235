import { describe, expect, test } from "bun:test";
import {
  checkPresence,
  OFFLINE_THOUGH_CONNECTED,
  ONLINE_AFTER_DEATH,
  ONLINE_AFTER_END,
  type PresenceEvidence,
} from "./check-presence.ts";
import { Problems } from "./problems.ts";
import type { Trouble, TroubleKind } from "./troubles.ts";

const ANN = 20001;
const FOREVER = Number.POSITIVE_INFINITY;
/** Of three servers; the second one died at 100 000 and was started again at 101 500. */
const LIVES = [
  { node: 0, from: 0, to: FOREVER },
  { node: 1, from: 0, to: 100_000 },
  { node: 1, from: 101_500, to: FOREVER },
  { node: 2, from: 0, to: FOREVER },
];

interface Story {
  /** When Ann was connected, and to which server. */
  readonly spans: readonly (readonly [node: number, from: number, to: number, isProven?: boolean])[];
  /** When server 0, or another one, was asked, and whether she was online. */
  readonly at: number;
  readonly by?: number;
  readonly isOnline: boolean;
  readonly troubles?: readonly Trouble[];
}

function verdict({ spans, at, by = 0, isOnline, troubles = [] }: Story) {
  const evidence: PresenceEvidence = {
    sightings: [{ node: by, askedAt: at, answeredAt: at + 10, online: isOnline ? [ANN] : [] }],
    spans: new Map([[ANN, spans.map(([node, from, to, isProven = true]) => ({ node, from, to, isProven }))]]),
    lives: LIVES,
    troubles,
  };
  const problems = new Problems();
  const judged = checkPresence(evidence, problems);
  return { kinds: problems.kinds, judged };
}

const kindsOf = (story: Story) => verdict(story).kinds;
const trouble = (kind: TroubleKind, node: number, from: number, to: number): Trouble => ({ kind, node, from, to });

describe("somebody who is connected", () => {
  const connected = { spans: [[2, 50_000, FOREVER]], at: 60_000 } as const;
  const away = { ...connected, isOnline: false };

  test("is online on every server", () => {
    expect(verdict({ ...connected, isOnline: true })).toEqual({
      kinds: [],
      judged: { connected: 1, dead: 0, gone: 0 },
    });
    expect(kindsOf(away)).toEqual([OFFLINE_THOUGH_CONNECTED]);
  });

  test("has to be, six seconds after it began, until it ends", () => {
    expect(kindsOf({ ...away, at: 55_999 })).toEqual([]);
    expect(kindsOf({ ...away, at: 56_000 })).toEqual([OFFLINE_THOUGH_CONNECTED]);
    expect(kindsOf({ ...away, spans: [[2, 50_000, 60_010]] })).toEqual([]);
    // It was asked for, and the answer did not come.
    expect(kindsOf({ ...away, spans: [[2, 50_000, FOREVER, false]] })).toEqual([]);
    expect(kindsOf({ ...away, spans: [[2, 50_000, 60_011]] })).toEqual([OFFLINE_THOUGH_CONNECTED]);
  });

  test("unless nobody could be told of it, since the bus is away", () => {
    const later = (from: number, more: readonly Trouble[] = []) =>
      kindsOf({ ...away, spans: [[2, from, FOREVER]], troubles: [trouble("no bus", 2, 52_000, 70_000), ...more] });
    expect(later(46_000)).toEqual([OFFLINE_THOUGH_CONNECTED]);
    expect(later(46_001)).toEqual([]);
    // Another one stands in for it by then.
    const long = [trouble("no bus", 2, 50_000, 70_000)];
    expect(kindsOf({ ...away, spans: [[2, 50_000, FOREVER]], troubles: long })).toEqual([OFFLINE_THOUGH_CONNECTED]);
    // One of the two has begun anew, and knows nobody.
    expect(later(20_000, [trouble("down", 0, 52_500, 53_500)])).toEqual([]);
    expect(later(20_000, [trouble("down", 1, 52_500, 53_500)])).toEqual([OFFLINE_THOUGH_CONNECTED]);
    // A server that stands still tells the others nothing.
    const stopped = trouble("stopped", 2, 55_000, 58_000);
    expect(kindsOf({ ...away, spans: [[2, 49_000, FOREVER]], troubles: [stopped] })).toEqual([
      OFFLINE_THOUGH_CONNECTED,
    ]);
    expect(kindsOf({ ...away, spans: [[2, 49_001, FOREVER]], troubles: [stopped] })).toEqual([]);
    // The server that they are connected to knows it without a bus.
    expect(kindsOf({ ...away, by: 2, troubles: [trouble("no bus", 2, 52_000, 70_000)] })).toEqual([
      OFFLINE_THOUGH_CONNECTED,
    ]);
  });

  const excuses: Readonly<Record<string, readonly [Trouble, boolean]>> = {
    "her server is cut off from the database": [trouble("no database", 2, 59_000, 70_000), true],
    "her server was cut off until a moment ago": [trouble("no database", 2, 40_000, 55_000), true],
    "her server was cut off earlier": [trouble("no database", 2, 40_000, 53_000), false],
    "another server is cut off": [trouble("no database", 1, 59_000, 70_000), false],
    "the server that says so is cut off": [trouble("no database", 0, 59_000, 70_000), true],
    "her server hears nothing of the others": [trouble("no bus", 2, 59_000, 70_000), false],
    "the server that says so hears nothing": [trouble("no bus", 0, 59_000, 70_000), false],
    "the database is slow": [trouble("slow database", 2, 40_000, 70_000), false],
    "her server stands still for a moment": [trouble("stopped", 2, 57_000, 61_000), false],
    "her server has stood still for long": [trouble("stopped", 2, 51_000, 63_000), true],
    "the server that says so stood still": [trouble("stopped", 0, 57_000, 59_000), true],
  };
  test.each(Object.entries(excuses))("%s", (_, [one, isExcused]) => {
    expect(kindsOf({ ...away, troubles: [one] })).toEqual(isExcused ? [] : [OFFLINE_THOUGH_CONNECTED]);
  });
});

describe("somebody whose server died", () => {
  const stranded = { spans: [[1, 50_000, 100_200]] } as const;
  const there = { ...stranded, isOnline: true };

  test("is offline 14 s later", () => {
    expect(kindsOf({ ...there, at: 114_100 })).toEqual([]);
    expect(kindsOf({ ...there, at: 114_300 })).toEqual([ONLINE_AFTER_DEATH]);
    expect(verdict({ ...stranded, isOnline: false, at: 114_300 }).judged).toEqual({ connected: 0, dead: 1, gone: 0 });
  });

  test("unless there was another connection, whose end may be noticed later", () => {
    expect(kindsOf({ ...there, at: 120_000, spans: [...stranded.spans, [0, 60_000, 90_000]] })).toEqual([]);
    expect(kindsOf({ ...there, at: 120_000, spans: [...stranded.spans, [0, 60_000, 89_999]] })).toEqual([
      ONLINE_AFTER_DEATH,
    ]);
    expect(kindsOf({ ...there, at: 120_000, spans: [...stranded.spans, [2, 105_000, 119_000]] })).toEqual([]);
    expect(kindsOf({ ...there, at: 120_000, spans: [[1, 50_000, 98_000]] })).toEqual([]);
  });

  const excuses: Readonly<Record<string, readonly [Partial<Story>, boolean]>> = {
    "the database was away": [{ troubles: [trouble("no database", 0, 90_000, 102_000)] }, true],
    "and long ago": [{ troubles: [trouble("no database", 0, 90_000, 100_900)] }, false],
    "the server that says so stood still": [{ troubles: [trouble("stopped", 0, 104_000, 106_000)] }, true],
    "the server that says so has just started": [{ by: 1 }, true],
    "and some time ago": [{ by: 1, at: 120_500 }, false],
    "it hears nothing of the others": [{ troubles: [trouble("no bus", 0, 104_000, 106_000)] }, false],
  };
  test.each(Object.entries(excuses))("%s", (_, [changed, isExcused]) => {
    expect(kindsOf({ ...there, at: 120_000, ...changed })).toEqual(isExcused ? [] : [ONLINE_AFTER_DEATH]);
  });
});

describe("somebody who has gone", () => {
  test("is offline a minute later, whatever happened", () => {
    const gone = { spans: [[2, 50_000, 60_000]], isOnline: true } as const;
    const troubles = [trouble("no database", 2, 60_000, 80_000), trouble("no bus", 0, 60_000, 80_000)];
    expect(kindsOf({ ...gone, at: 120_000 })).toEqual([]);
    expect(kindsOf({ ...gone, at: 120_001, troubles })).toEqual([ONLINE_AFTER_END]);
    expect(verdict({ ...gone, isOnline: false, at: 120_001 }).judged).toEqual({ connected: 0, dead: 0, gone: 1 });
  });

  test("and so is somebody who has never been there, or comes later", () => {
    expect(kindsOf({ spans: [], at: 90_000, isOnline: true })).toEqual([ONLINE_AFTER_END]);
    expect(kindsOf({ spans: [[0, 95_000, FOREVER]], at: 90_000, isOnline: true })).toEqual([ONLINE_AFTER_END]);
    // What was asked for without an answer may have begun a connection.
    expect(kindsOf({ spans: [[0, 85_000, 86_000, false]], at: 90_000, isOnline: true })).toEqual([]);
  });
});
