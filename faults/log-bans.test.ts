import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { checkBans, TOLD_BANNED } from "./check-bans.ts";
import { CommandBook } from "./commands.ts";
import { type FeatureLog, type Logged, problemsOf } from "./feature-log.ts";
import { keyOf } from "./log-changes.ts";
import { Moments } from "./moments.ts";
import { Places } from "./places.ts";
import { Problems } from "./problems.ts";
import type { Trouble } from "./troubles.ts";
import { WireRecord } from "./wire-record.ts";

const [ANN, BEN] = [20001, 20002];

describe("the log and the list of bans", () => {
  /** Ann is banned and let in again; Ben is banned. */
  const black = (uid: number): Logged => ["all", 7, { uid }];
  const unblack = (uid: number): Logged => ["all", 116, { uid }];
  const LOG = [black(ANN), unblack(ANN), black(BEN)];
  const ROWS = [`insert into bans values (${BEN}), (null)`];
  async function kinds(changed: Partial<FeatureLog>) {
    const commands = new CommandBook();
    for (const [uid, value] of [
      [ANN, "banned"],
      [ANN, "free"],
      [BEN, "banned"],
    ] as const) {
      const answer = Promise.resolve({ status: 200, tries: 1, body: {} });
      await commands.book(answer, () => [{ key: keyOf.ban(uid), value, proof: "event" }]);
    }
    return problemsOf({ log: LOG, sql: ROWS, commands, ...changed });
  }

  test("nothing is wrong", async () => {
    expect(await kinds({})).toEqual([]);
  });

  const [LOST, UNASKED, ROW] = [
    ...["command acknowledged and lost", "events that nobody asked for", "bans stored otherwise than told"],
  ] as const;
  const cases: Readonly<Record<string, readonly [Partial<FeatureLog>, readonly (string | undefined)[]]>> = {
    "a ban that is lost": [{ log: LOG.slice(0, 2) }, [LOST, ROW]],
    "an end that is lost": [{ log: [black(ANN), undefined, black(BEN)] }, [LOST, ROW]],
    "a ban that is told twice": [{ log: [...LOG, black(BEN)] }, [UNASKED, "event that changes nothing"]],
    "an end that nobody asked for": [{ log: [...LOG, unblack(BEN)] }, [UNASKED, ROW]],
    "a ban in another stream": [{ log: [...LOG.slice(0, 2), ["room:1", 7, { uid: BEN }]] }, ["event of another room"]],
    "a ban that is not stored": [{ sql: [] }, [ROW]],
    "a ban that is stored longer": [{ sql: [...ROWS, `insert into bans values (${ANN})`] }, [ROW]],
  };
  test.each(Object.entries(cases))("%s", async (_, [changed, wanted]) => {
    expect(await kinds(changed)).toEqual([...wanted].map(String).sort());
  });
});

describe("what comes while a person is banned", () => {
  const FROM = 10_000;
  /** Position 5 was sent for the first time two seconds after the ban. */
  const moments = new Moments([{ id: 5, askedAt: FROM + 2_000, answeredAt: FROM + 2_010 }]);
  const frame = (seq: number) => `{"type":11,"stream":"room:2","seq":${seq},"data":{}}`;

  function kinds(
    come: (wire: WireRecord, open: (askedAt: number) => ReturnType<WireRecord["open"]>) => void,
    troubles: readonly Trouble[] = [],
  ) {
    const db = new Database(":memory:");
    db.run("create table events (pos integer primary key, stream text, seq int, type int)");
    for (let pos = 1; pos <= 6; pos++) db.run("insert into events values (?, 'room:2', ?, 11)", [pos, pos]);
    const wire = new WireRecord(new Map());
    come(wire, (askedAt) => wire.open("sse", { resumes: false, askedAt }));
    const problems = new Problems();
    const effect = { troubles, elsewhereMs: 0 };
    checkBans(wire.log.bans, { name: "client 0", places: new Places(db), moments, effect, problems });
    db.close();
    return problems.kinds;
  }

  test("what was sent before, and refusals, may come", () => {
    const found = kinds((wire, open) => {
      const [old, later] = [open(FROM - 1), open(FROM + 1_500)];
      wire.banned(FROM);
      wire.frame(old, frame(4));
      wire.frame(old, '{"type":5,"data":{}}');
      wire.frame(later, '{"type":100,"data":{"code":"banned"}}');
    });
    expect(found).toEqual([]);
  });

  test("afterwards everything may come", () => {
    const found = kinds((wire, open) => {
      wire.banned(FROM);
      wire.unbanned();
      wire.frame(open(FROM + 1_500), frame(6));
    });
    expect(found).toEqual([]);
  });

  test("an event on the old connection, from after the ban", () => {
    const found = kinds((wire, open) => {
      const old = open(FROM - 1);
      wire.banned(FROM);
      wire.frame(old, frame(5));
    });
    expect(found).toEqual([TOLD_BANNED]);
  });

  test("what a server lets through that was cut off when the ban was answered", () => {
    const come: Parameters<typeof kinds>[0] = (wire, open) => {
      const old = open(FROM - 1);
      wire.banned(FROM);
      wire.frame(old, frame(5));
      wire.frame(open(FROM + 1_001), frame(1));
    };
    const cutOff = (node: number): Trouble => ({ node, kind: "no database", from: FROM - 1_000, to: FROM + 500 });
    expect(kinds(come, [cutOff(0)])).toEqual([]);
    expect(kinds(come, [cutOff(1)])).toEqual([TOLD_BANNED]);
  });

  test.each([frame(1), '{"type":101,"data":{}}', '{"type":108,"data":{"stream":"room:2","seq":1}}'])(
    "on a new connection %s",
    (text) => {
      const found = kinds((wire, open) => {
        wire.banned(FROM);
        wire.frame(open(FROM + 1_001), text);
      });
      expect(found).toEqual([TOLD_BANNED]);
    },
  );
});
