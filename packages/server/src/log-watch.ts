import { sql } from "kysely";
import type { ReadDatabase } from "./db/open.ts";
import { preparedBy } from "./db/prepared.ts";
import type { Announcer } from "./event-log/announce.ts";

interface LogWatchParts {
  readonly db: ReadDatabase;
  /** That of the database when this node began. */
  readonly epoch: string;
  readonly announcer: Pick<Announcer, "position" | "announceUpTo" | "end">;
  /** Called once, with what is wrong in words: everything that this node knows of the log may be untrue. */
  readonly onOtherLog: (why: string) => void;
}

/**
 * Looks at the log's end now and then, for what other processes wrote. After a failover or a restore it may be another log than the one that this node
 * has handed on to its readers: then it hands on nothing more, whatever brings it.
 */
export class LogWatch {
  readonly #parts: LogWatchParts;
  #isOther = false;

  constructor(parts: LogWatchParts) {
    this.#parts = parts;
  }

  async look(): Promise<void> {
    if (this.#isOther) return;
    const { db, epoch, announcer, onOtherLog } = this.#parts;
    // Before the end is read: this node goes on announcing meanwhile.
    const { position } = announcer;
    const [log] = await readLog(db, { key: "epoch" });
    if (log && log.epoch === epoch && log.pos >= position) return announcer.announceUpTo(log.pos);
    this.#isOther = true;
    announcer.end();
    onOtherLog(log?.epoch === epoch ? "the log is shorter than it was" : "the database has another epoch");
  }
}

const readLog = preparedBy(["key"], (db, { key }) =>
  db
    .selectFrom("log")
    .select((eb) => ["pos", eb.selectFrom("meta").select("value").where("key", "=", sql<string>`${key}`).as("epoch")]),
);
