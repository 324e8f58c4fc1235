import { Database } from "bun:sqlite";
import { SharedEvents } from "./app-record.ts";
import { checkCommands } from "./check-commands.ts";
import { checkFeatures } from "./check-features.ts";
import { CommandBook } from "./commands.ts";
import { createFeatureTables, NO_COUNTERS } from "./feature-tables.ts";
import type { CustomAsked } from "./log-custom.ts";
import type { Counters } from "./log-dots.ts";
import type { NoticeAsked } from "./notice-model.ts";
import { Problems } from "./problems.ts";
import { type Pushed, told } from "./told.ts";

/** One event of a log for tests; the fourth is the id in its row. A MESSAGE has no data. */
export type Logged = readonly [stream: string, type: number, data?: object | null, about?: number];

/** A log with its tables, what was asked for, and what readers got of it. */
export interface FeatureLog {
  /** By position, with a hole where an event is lost. */
  readonly log: readonly (Logged | undefined)[];
  /** Fills the tables, or breaks them. */
  readonly sql?: readonly string[];
  readonly commands?: CommandBook;
  readonly notices?: readonly NoticeAsked[];
  readonly customs?: readonly CustomAsked[];
  readonly told?: readonly Pushed[];
  /** By uid. */
  readonly counters?: Readonly<Record<number, Counters>>;
}

/** The kinds of what the checker finds wrong with it, in order. */
export function problemsOf(what: FeatureLog): string[] {
  const { log, sql = [], commands = new CommandBook(), notices = [], customs = [], counters = {} } = what;
  const db = new Database(":memory:");
  db.run("create table events (pos integer primary key, stream text, seq int, type int, message_id int, data text)");
  db.run("create table messages (id integer primary key, room_id int, recalled_by int, body text)");
  db.run("create table room_reads (uid int, room_id int, read_seq int)");
  createFeatureTables(db);
  const heads = new Map<string, number>();
  for (const [index, event] of log.entries()) {
    if (!event) continue;
    const [stream, type, data = null, about = null] = event;
    const seq = (heads.get(stream) ?? 0) + 1;
    heads.set(stream, seq);
    const text = data && JSON.stringify(data);
    db.run("insert into events values (?, ?, ?, ?, ?, ?)", [index + 1, stream, seq, type, about, text]);
    if (type === 4) db.run("insert into messages (id, room_id) values (?, ?)", [index + 1, Number(stream.slice(5))]);
  }
  for (const one of sql) db.run(one);
  const shared = new SharedEvents();
  for (const one of what.told ?? []) {
    const event = told(one);
    if (event) shared.agrees(event);
  }
  const ledger = { workers: [], recalls: [], stored: [], commands, notices, takenBack: [], customs };
  const uids = Object.keys(counters).map(Number);
  const evidence = { ledger, seen: shared.log, uids, counters: uids.map((uid) => counters[uid] ?? NO_COUNTERS) };
  const problems = new Problems();
  problems.addAll(checkCommands(db, commands, checkFeatures(db, evidence, problems)));
  db.close();
  return problems.kinds.sort();
}
